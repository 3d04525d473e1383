import { flat } from '@headgate/contracts/issues';
import { z } from 'zod';
import { parseYaml, placesOf, YamlError } from './parse-yaml.ts';
import { parseYamlApart, placesApart } from './parse-yaml-apart.ts';

/** What a document has to pass: throws a ZodError, or a RangeError whose message may be logged. */
export type Check<T> = (document: unknown) => T;

/**
 * Reads what a person wrote: configuration, routing table, keys, manifests, policies. All such files are read here, so
 * that the same things are forgiven (a byte order mark, CRLF, JSON instead of YAML) and the same things refused.
 *
 * @throws YamlError, or what `check` throws; each problem of a ZodError then says its line and column
 */
export function readDocument<T>(source: string | Uint8Array, check: Check<T>): T {
  const text = textOf(source);
  const document = parseYaml(text);
  try {
    return check(document);
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    const issues = issuesIn(error);
    throw placed(issues, placesOf(text, issues.map(pathOf)));
  }
}

/** As `readDocument`, for a process that answers meanwhile: a long text is parsed on a thread. @throws also UnfinishedError */
export async function readDocumentApart<T>(source: string | Uint8Array, check: Check<T>): Promise<T> {
  const text = textOf(source);
  const document = await parseYamlApart(text);
  try {
    return check(document);
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    const issues = issuesIn(error);
    throw placed(issues, await placesApart(text, issues.map(pathOf)));
  }
}

/** UTF-8, with or without a byte order mark. @throws YamlError */
export function textOf(source: string | Uint8Array): string {
  const begin =
    typeof source === 'string' ? source.slice(0, 2) : String.fromCharCode(...source.subarray(0, 2));
  if (UTF_16.includes(begin)) throw new YamlError('the text is UTF-16; save the file as UTF-8');
  if (typeof source === 'string') return withoutMark(source);
  try {
    return withoutMark(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(source));
  } catch {
    throw new YamlError(`line ${lineOfDamage(source)}: the text is not UTF-8; save the file as UTF-8`);
  }
}

/** Its byte order mark: as bytes, and as it looks when it was decoded as UTF-8. */
const UTF_16 = ['\xff\xfe', '\xfe\xff', '\uFFFD\uFFFD'];

const withoutMark = (text: string) => text.replace(/^\uFEFF/, '');

/** Line of the first byte sequence that is not UTF-8. */
function lineOfDamage(source: Uint8Array): number {
  const [before = ''] = new TextDecoder('utf-8').decode(source).split('\uFFFD', 1);
  return before.split('\n').length;
}

type Issue = z.core.$ZodIssue;

const issuesIn = ({ issues }: z.ZodError): Issue[] => issues.flatMap((issue) => flat(issue));

/** An unknown key is named by its own place. */
const pathOf = (issue: Issue): PropertyKey[] =>
  issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0] as string] : [...issue.path];

const placed = (issues: readonly Issue[], places: readonly string[]) =>
  new z.ZodError(issues.map((issue, i) => ({ ...issue, at: places[i] })));
