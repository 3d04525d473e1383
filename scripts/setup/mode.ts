/** full: everything. fallback: no Python here, so no Envoy and no big model; plain HTTP and the digits model. */
export type Mode = 'full' | 'fallback';

/** Thrown by a step that this machine cannot do and the fallback does not need. */
export class FallbackNeeded extends Error {
  override readonly name = 'FallbackNeeded';
  /** How to get what is missing. */
  readonly howTo: string;

  constructor(missing: string, howTo: string) {
    super(missing);
    this.howTo = howTo;
  }
}
