const PREDICTION = /^([0-9a-f-]{36})\/(\d{1,4})$/;

/** What a gateway says of an image, `ID/INDEX`: the id of its answer, and the image's place in it. Empty when it is not that. */
export function predictionIds(prediction: string | undefined): {
  readonly id?: string;
  readonly index?: number;
} {
  const [, id, index] = PREDICTION.exec(prediction ?? '') ?? [];
  return id === undefined ? {} : { id, index: Number(index) };
}
