/** Numbers in [0, 1) that are the same for the same seed. */
export function seeded(seed: number): () => number {
  const next = mulberry32(seed);
  return () => next() / 2 ** 32;
}

/** Whole numbers from 0 to below `below` that are the same for the same seed. */
export function seededBelow(seed: number): (below: number) => number {
  const next = mulberry32(seed);
  return (below) => next() % below;
}

function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}
