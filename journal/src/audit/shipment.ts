/** File in the directory of a log: up to which record it is stored elsewhere. */
export const SHIPMENT_FILE = 'shipped.json';

/** The last record that the store has. */
export interface Shipment {
  readonly seq: number;
  /** As hex. */
  readonly hash: string;
}

/** What such a file says; undefined when that is nothing. */
export function parseShipment(text: string): Shipment | undefined {
  try {
    const { seq, hash } = JSON.parse(text);
    return Number.isSafeInteger(seq) && /^[0-9a-f]{64}$/.test(hash) ? { seq, hash } : undefined;
  } catch {
    return undefined;
  }
}
