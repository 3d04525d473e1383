import { RECORD_VERSION, recordSchema, type StoredRecord } from '@headgate/contracts/records';
import type { Frame } from '@headgate/journal/spool/spool';

const utf8 = new TextDecoder();

/** A frame of the spool as a record of the store; undefined when it is none that this version knows. */
export function decodeFrame({ kind, sequence, payload }: Frame, writer: string): StoredRecord | undefined {
  const json = parse(utf8.decode(payload));
  const value = kind === 'gap' ? { type: 'gap', v: RECORD_VERSION, writer, sequence, ...Object(json) } : json;
  const parsed = recordSchema.safeParse(value);
  return parsed.success ? parsed.data : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
