import { type Orientation, swapsSides } from '@headgate/contracts/image/orientation';
import type { Preprocessing } from '@headgate/contracts/manifest';

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Part of a picture, in pixels. */
export interface Crop extends Size {
  readonly left: number;
  readonly top: number;
}

/** What of a picture is kept, how large it becomes, and where in the model's input it goes. */
export interface Placement {
  readonly crop: Crop;
  readonly to: Size;
  /** Corner in the model's input; all around is border. */
  readonly left: number;
  readonly top: number;
}

/** @param shown sides of the picture as it is shown */
export function placementOf(shown: Size, preprocessing: Preprocessing): Placement {
  const { fit, crop_fraction, width, height } = preprocessing;
  const whole = { left: 0, top: 0, width: shown.width, height: shown.height };
  if (fit === 'crop') {
    const crop = centreCrop(shown, preprocessing, crop_fraction);
    return { crop, to: { width, height }, left: 0, top: 0 };
  }
  if (fit === 'stretch') return { crop: whole, to: { width, height }, left: 0, top: 0 };
  const scale = Math.min(width / shown.width, height / shown.height);
  const to = {
    width: Math.min(width, Math.max(1, Math.round(shown.width * scale))),
    height: Math.min(height, Math.max(1, Math.round(shown.height * scale))),
  };
  return {
    crop: whole,
    to,
    left: Math.floor((width - to.width) / 2),
    top: Math.floor((height - to.height) / 2),
  };
}

/** The largest centred part with the proportions of the input, its sides times `fraction` and rounded down. */
function centreCrop(shown: Size, input: Size, fraction: number): Crop {
  const width = Math.min(shown.width, (shown.height * input.width) / input.height);
  const height = Math.min(shown.height, (shown.width * input.height) / input.width);
  const crop = {
    width: Math.max(1, Math.floor(width * fraction)),
    height: Math.max(1, Math.floor(height * fraction)),
  };
  return {
    ...crop,
    left: Math.floor((shown.width - crop.width) / 2),
    top: Math.floor((shown.height - crop.height) / 2),
  };
}

/** How a stored pixel is found for a shown one: columns and rows change places, then columns or rows run backwards. */
interface Turn {
  readonly swap: boolean;
  readonly flipColumns: boolean;
  readonly flipRows: boolean;
}

const FLIPS_COLUMNS: readonly Orientation[] = [2, 3, 7, 8];
const FLIPS_ROWS: readonly Orientation[] = [3, 4, 6, 7];

function turnOf(orientation: Orientation): Turn {
  return {
    swap: swapsSides(orientation),
    flipColumns: FLIPS_COLUMNS.includes(orientation),
    flipRows: FLIPS_ROWS.includes(orientation),
  };
}

/** Sides that change places where columns become rows. */
export function turnedSize({ width, height }: Size, orientation: Orientation): Size {
  return swapsSides(orientation) ? { width: height, height: width } : { width, height };
}

/** The same part of the picture as it is stored. */
export function storedCrop(crop: Crop, stored: Size, orientation: Orientation): Crop {
  const { swap, flipColumns, flipRows } = turnOf(orientation);
  const [left, top] = swap ? [crop.top, crop.left] : [crop.left, crop.top];
  const { width, height } = turnedSize(crop, orientation);
  return {
    left: flipColumns ? stored.width - left - width : left,
    top: flipRows ? stored.height - top - height : top,
    width,
    height,
  };
}

export interface Content {
  /** Row by row, channels last. */
  readonly pixels: Uint8Array;
  /** How they still have to be turned. */
  readonly orientation: Orientation;
}

/** Turns what was cut out and resized, and puts it into its place in the model's input. */
export function place({ pixels, orientation }: Content, at: Placement, input: Preprocessing): Uint8Array {
  const { width, height, channels, border } = input;
  const { to, left, top } = at;
  const isWhole = to.width === width && to.height === height;
  if (isWhole && orientation === 1) return pixels;
  const { swap, flipColumns, flipRows } = turnOf(orientation);
  const rowBytes = channels * (swap ? to.height : to.width);
  const lastColumn = channels * ((swap ? to.height : to.width) - 1);
  const lastRow = rowBytes * ((swap ? to.width : to.height) - 1);
  // Steps from a shown pixel to its right and lower neighbours, among the stored ones.
  const [column, row] = [flipColumns ? -channels : channels, flipRows ? -rowBytes : rowBytes];
  const [right, down] = swap ? [row, column] : [column, row];
  const first = (flipColumns ? lastColumn : 0) + (flipRows ? lastRow : 0);
  const out = new Uint8Array(width * height * channels);
  if (!isWhole && border > 0) out.fill(border);
  for (let y = 0; y < to.height; y += 1) {
    let from = first + y * down;
    let target = ((top + y) * width + left) * channels;
    for (let x = 0; x < to.width; x += 1, from += right) {
      for (let channel = 0; channel < channels; channel += 1, target += 1) {
        out[target] = pixels[from + channel] as number;
      }
    }
  }
  return out;
}
