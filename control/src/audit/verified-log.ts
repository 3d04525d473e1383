import { type ChainResult, FAULT_KINDS } from '@headgate/journal/audit/verify';
import { z } from 'zod';

/** What was found in the chain of one writer, as it is printed. */
export const verifiedLogSchema = z.strictObject({
  writer: z.string(),
  records: z.number(),
  /** Records that could not be kept when they happened. */
  lost: z.number(),
  anchors: z.number(),
  last_seq: z.number(),
  /** As hex. */
  last_hash: z.string(),
  /** Null for an intact one. */
  fault: z.strictObject({ kind: z.enum(FAULT_KINDS), seq: z.number(), message: z.string() }).nullable(),
});
export type VerifiedLog = z.infer<typeof verifiedLogSchema>;

export function summaryOf({ writer, records, gaps, anchors, last, fault }: ChainResult): VerifiedLog {
  const last_hash = Buffer.from(last.hash).toString('hex');
  return { writer, records, lost: gaps, anchors, last_seq: last.seq, last_hash, fault: fault ?? null };
}
