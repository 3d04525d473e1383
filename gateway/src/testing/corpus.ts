import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = join(import.meta.dirname, '../routes/v2/corpus');

/** How a case is kept: `why` for people, the rest makes the body. */
interface StoredCase {
  readonly why: string;
  readonly json?: unknown;
  /** Instead of `json`, where JSON would not survive being parsed and written again. */
  readonly text?: string;
  /** Hex of what follows the JSON. */
  readonly binary?: string;
  /** Value of the header; `auto` = the bytes of the JSON, `auto+4` = four more. */
  readonly headerLength?: string;
  /** Start of the detail with which it is refused; null when it is accepted. */
  readonly refused: string | null;
}

/** A body of the binary tensor extension, and what shall become of it. */
export interface CorpusCase {
  readonly name: string;
  readonly why: string;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly headerLength: string | undefined;
  readonly refused: string | null;
}

/** Bodies that were thought of, or that once broke the parser. Each is a file of its own. */
export function corpus(): CorpusCase[] {
  return readdirSync(FOLDER)
    .toSorted()
    .map((file) => {
      const {
        why,
        json,
        text,
        binary = '',
        headerLength,
        refused,
      }: StoredCase = JSON.parse(readFileSync(join(FOLDER, file), 'utf8'));
      const head = Buffer.from(text ?? (json === undefined ? '' : JSON.stringify(json)));
      const body = new Uint8Array(Buffer.concat([head, Buffer.from(binary, 'hex')]));
      const name = file.replace('.json', '');
      return { name, why, body, headerLength: lengthOf(headerLength, head.byteLength), refused };
    });
}

function lengthOf(header: string | undefined, jsonBytes: number): string | undefined {
  if (!header?.startsWith('auto')) return header;
  return String(jsonBytes + Number(header.slice('auto'.length)));
}
