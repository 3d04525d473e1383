/** Sketches and the best classes of predictions; and predictions that had no image. Released: never changed. */
export const SKETCHES = `
  ALTER TABLE predictions
    ALTER COLUMN image_sha256 DROP NOT NULL,
    ALTER COLUMN image_bytes DROP NOT NULL,
    ADD COLUMN top_class_ids integer[],
    ADD COLUMN top_scores real[],
    ADD COLUMN sketch_version integer,
    ADD COLUMN image_width integer,
    ADD COLUMN image_height integer,
    ADD COLUMN brightness real,
    ADD COLUMN contrast real,
    ADD COLUMN sharpness real,
    ADD COLUMN features real[];
`;
