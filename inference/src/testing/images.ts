import sharp, { type Sharp } from 'sharp';

/** A picture of two flat areas: `outer`, and a centred square of `inner` with half the short side. */
export function target(width: number, height: number, outer = '#f00', inner = '#00f'): Sharp {
  const side = Math.floor(Math.min(width, height) / 2);
  const square = { create: { width: side, height: side, channels: 3 as const, background: inner } };
  return sharp({ create: { width, height, channels: 3, background: outer } }).composite([
    { input: square, left: Math.floor((width - side) / 2), top: Math.floor((height - side) / 2) },
  ]);
}

/** A smooth picture with detail everywhere, like a photo and unlike a flat area. */
export function waves(width: number, height: number): Sharp {
  const pixels = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const at = (y * width + x) * 3;
      pixels[at] = 128 + 120 * Math.sin(x / 17);
      pixels[at + 1] = 128 + 120 * Math.sin(y / 11);
      pixels[at + 2] = 128 + 120 * Math.sin((x + y) / 23);
    }
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } });
}

/** Mean absolute difference of two pictures of the same size, in levels of 0 to 255. */
export function distance(a: Uint8Array, b: Uint8Array): number {
  return a.reduce((sum, value, i) => sum + Math.abs(value - (b[i] as number)), 0) / a.length;
}
