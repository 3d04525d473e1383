/** A variant's share in hundredths of a percent: whole numbers add up exactly. The first one is control. */
export interface Part {
  readonly name: string;
  readonly hundredths: number;
}

export const WHOLE = 10_000;

export function partsOf(variants: readonly { readonly name: string; readonly weight: number }[]): Part[] {
  return variants.map(({ name, weight }) => ({ name, hundredths: Math.round(weight * 100) }));
}

/** Percent by variant, as the API takes it. */
export function weightsOf(parts: readonly Part[]): Record<string, number> {
  return Object.fromEntries(parts.map(({ name, hundredths }) => [name, hundredths / 100]));
}

export function areSame(a: readonly Part[], b: readonly Part[]): boolean {
  return (
    a.length === b.length &&
    a.every((part, i) => part.name === b[i]?.name && part.hundredths === b[i].hundredths)
  );
}

/**
 * Gives one of several variants a new share; the sum stays 100 %. Control gives and takes first, so that no unit moves between
 * treatments without need; a change of control goes to the first treatment that can take it.
 */
export function withPart(parts: readonly Part[], index: number, hundredths: number): Part[] {
  const wanted = Math.min(Math.max(Math.round(hundredths), 0), WHOLE);
  let missing = WHOLE - wanted - sum(parts.filter((_, i) => i !== index));
  return parts.map((part, i) => {
    if (i === index) return { ...part, hundredths: wanted };
    const given = Math.max(part.hundredths + missing, 0);
    missing -= given - part.hundredths;
    return { ...part, hundredths: given };
  });
}

/** @returns hundredths; undefined when it is no percentage with at most two decimals */
export function parsePercent(text: string): number | undefined {
  if (!/^\d{1,3}([.,]\d{0,2})?$/.test(text.trim())) return undefined;
  const hundredths = Math.round(Number(text.trim().replace(',', '.')) * 100);
  return hundredths <= WHOLE ? hundredths : undefined;
}

function sum(parts: readonly Part[]): number {
  return parts.reduce((total, { hundredths }) => total + hundredths, 0);
}
