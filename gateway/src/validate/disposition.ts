export interface Disposition {
  /** Name of the form field; undefined when the part has none. */
  readonly name: string | undefined;
  /** What the sender calls the file, fit to be answered; undefined when the part is no file. */
  readonly filename: string | undefined;
}

const MAX_FILENAME_LENGTH = 255;
const PARAMETER = /;\s*(name|filename)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))/gi;
/** What senders escape: quotes and backslashes. A lone backslash is part of a Windows path. */
const ESCAPED = /\\(["\\])/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
const CONTROL_CHARACTERS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;

/** Reads the Content-Disposition of a form part (RFC 7578, 4.2, which rules `filename*` out). The first value of a name counts. */
export function parseDisposition(header: string | undefined): Disposition {
  const found: { name?: string; filename?: string } = {};
  for (const [, key = '', quoted, token = ''] of (header ?? '').matchAll(PARAMETER)) {
    const name = key.toLowerCase() as 'name' | 'filename';
    found[name] ??= quoted === undefined ? token : quoted.replace(ESCAPED, '$1');
  }
  return { name: found.name, filename: found.filename === undefined ? undefined : plainName(found.filename) };
}

/** The last segment of a path, without control characters, at most 255 characters long. */
function plainName(filename: string): string {
  const last = Math.max(filename.lastIndexOf('/'), filename.lastIndexOf('\\'));
  return filename
    .slice(last + 1)
    .replace(CONTROL_CHARACTERS, '')
    .slice(0, MAX_FILENAME_LENGTH)
    .toWellFormed();
}
