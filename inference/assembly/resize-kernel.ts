/**
 * AssemblyScript: the two passes of a separable resize of RGB or grey pixels, with SIMD. `npm run generate` compiles it to
 * `gen/resize-kernel.ts`. Everything lies in linear memory, at the addresses that `resize.ts` chooses:
 *
 *   weights  of an output line: `taps` numbers of 16 bits, 14 of them behind the point; `taps` is even
 *   starts   first source line of each output line, 32 bits
 *
 * Products of two neighbouring taps are added by one instruction, so sources are taken in pairs.
 */

/** Half a unit at 14 bits: rounds to the nearest. */
const HALF: i32 = 1 << 13;
const SHIFT: i32 = 14;

/**
 * Columns: each byte of an output row is a weighted sum of the bytes above each other in `taps` source rows.
 *
 * @param source first byte of the crop; rows are `stride` bytes apart
 * @param rowBytes bytes of an output row; 16 at a time are written, so up to 15 more are overwritten behind it
 */
export function resizeColumns(
  source: usize,
  stride: usize,
  target: usize,
  targetStride: usize,
  rowBytes: usize,
  rows: i32,
  starts: usize,
  weights: usize,
  taps: i32,
): void {
  for (let row = 0; row < rows; row++) {
    const first = source + usize(load<i32>(starts + (usize(row) << 2))) * stride;
    const rowWeights = weights + usize(row * taps) * 2;
    const out = target + usize(row) * targetStride;
    for (let x: usize = 0; x < rowBytes; x += 16) {
      let a = i32x4.splat(HALF);
      let b = i32x4.splat(HALF);
      let c = i32x4.splat(HALF);
      let d = i32x4.splat(HALF);
      let line = first + x;
      for (let tap = 0; tap < taps; tap += 2) {
        const pair = v128.load32_splat(rowWeights + (usize(tap) << 1));
        const upper = v128.load(line);
        const lower = v128.load(line + stride);
        const left = v128.shuffle<u8>(upper, lower, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        const right = v128.shuffle<u8>(
          upper,
          lower,
          8,
          24,
          9,
          25,
          10,
          26,
          11,
          27,
          12,
          28,
          13,
          29,
          14,
          30,
          15,
          31,
        );
        a = i32x4.add(a, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_u(left), pair));
        b = i32x4.add(b, i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_u(left), pair));
        c = i32x4.add(c, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_u(right), pair));
        d = i32x4.add(d, i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_u(right), pair));
        line += stride << 1;
      }
      const low = i16x8.narrow_i32x4_s(i32x4.shr_s(a, SHIFT), i32x4.shr_s(b, SHIFT));
      const high = i16x8.narrow_i32x4_s(i32x4.shr_s(c, SHIFT), i32x4.shr_s(d, SHIFT));
      v128.store(out + x, i8x16.narrow_i16x8_u(low, high));
    }
  }
}

/**
 * Rows: each RGB pixel of an output row is a weighted sum of `taps` neighbouring pixels of the source row.
 *
 * @param target pixels without gaps; 4 bytes are written for each, so 1 byte is overwritten behind the last
 */
export function resizeRows(
  source: usize,
  stride: usize,
  target: usize,
  columns: i32,
  rows: i32,
  starts: usize,
  weights: usize,
  taps: i32,
): void {
  let out = target;
  for (let row = 0; row < rows; row++) {
    const line = source + usize(row) * stride;
    for (let column = 0; column < columns; column++) {
      let pixel = line + usize(load<i32>(starts + (usize(column) << 2))) * 3;
      const columnWeights = weights + usize(column * taps) * 2;
      let sum = i32x4.splat(HALF);
      for (let tap = 0; tap < taps; tap += 2) {
        const pair = v128.load32_splat(columnWeights + (usize(tap) << 1));
        const two = v128.load64_zero(pixel);
        const byChannel = v128.shuffle<u8>(
          two,
          two,
          0,
          3,
          1,
          4,
          2,
          5,
          15,
          15,
          15,
          15,
          15,
          15,
          15,
          15,
          15,
          15,
        );
        sum = i32x4.add(sum, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_u(byChannel), pair));
        pixel += 6;
      }
      const words = i16x8.narrow_i32x4_s(i32x4.shr_s(sum, SHIFT), i32x4.splat(0));
      store<u32>(out, u32(i32x4.extract_lane(i8x16.narrow_i16x8_u(words, words), 0)));
      out += 3;
    }
  }
}

/** Rows of grey pixels: as above, with one byte for each. */
export function resizeGreyRows(
  source: usize,
  stride: usize,
  target: usize,
  columns: i32,
  rows: i32,
  starts: usize,
  weights: usize,
  taps: i32,
): void {
  let out = target;
  for (let row = 0; row < rows; row++) {
    const line = source + usize(row) * stride;
    for (let column = 0; column < columns; column++) {
      const pixels = line + usize(load<i32>(starts + (usize(column) << 2)));
      const columnWeights = weights + usize(column * taps) * 2;
      let sum = HALF;
      for (let tap = 0; tap < taps; tap++) {
        sum += i32(load<u8>(pixels + usize(tap))) * i32(load<i16>(columnWeights + (usize(tap) << 1)));
      }
      store<u8>(out, u8(max(0, min(255, sum >> SHIFT))));
      out++;
    }
  }
}
