/** Ends of a scale that has all values and round numbers at its ends. */
type Scale = readonly [number, number];

/** From the lowest end of an interval, down to the next 5 %, to 100 %. */
export function agreementScale(lows: readonly number[]): Scale {
  return [Math.min(Math.floor(Math.min(...lows) * 20) / 20, 0.95), 1];
}

/** From 0 to the next 1, 2 or 5 of a power of ten. */
export function driftScale(sizes: readonly number[]): Scale {
  const largest = Math.max(...sizes, 0.001);
  const power = 10 ** Math.floor(Math.log10(largest));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= largest) ?? 10;
  return [0, Number((step * power).toPrecision(1))];
}
