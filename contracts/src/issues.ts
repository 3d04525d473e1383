import type { z } from 'zod';

/** Says in plain words what is wrong with a document that a person wrote: where, what is allowed, what was found. */

type Issue = z.core.$ZodIssue;
/** While zod checks: with the value that it found. */
type Found = z.core.$ZodRawIssue;

/** Set where the document was read from a text: `line 3, column 5`. */
interface Placed {
  readonly at?: string;
}

/** For `parse` and `safeParse` where a person reads the problems. */
export const IN_WORDS = { error: inWords };

/** Problems that are named; a document can have as many as it has lines. */
const MAX_ISSUES = 20;

/**
 * One line a problem, `path: what was expected`, for logs, answers and the console. Never quotes text of the document:
 * it may be a secret.
 *
 * @param whole what a problem of the document itself is called
 */
export function describeIssues({ issues }: z.ZodError, whole = '(document)'): string[] {
  const lines = issues
    .flatMap((issue) => flat(issue))
    .map(
      ({ path, message, at }: Issue & Placed) =>
        `${at ? `${at}: ` : ''}${path.join('.') || whole}: ${message}`,
    );
  return lines.length > MAX_ISSUES
    ? [...lines.slice(0, MAX_ISSUES), `${lines.length - MAX_ISSUES} more`]
    : lines;
}

/** Where a document may have several forms: the problems of the form that it seems to have. */
export function flat(issue: Issue, base: readonly PropertyKey[] = []): Issue[] {
  const path = [...base, ...issue.path];
  const forms = issue.code === 'invalid_union' ? issue.errors : [];
  const meant = forms.find(
    ([first]) => first && (first.path.length > 0 || first.code === 'unrecognized_keys'),
  );
  return meant ? meant.flatMap((inner) => flat(inner, path)) : [{ ...issue, path }];
}

function inWords(issue: Found): string | undefined {
  switch (issue.code) {
    case 'custom':
      return undefined;
    case 'invalid_key':
      return `the name cannot be used: ${issue.issues[0]?.message}`;
    case 'unrecognized_keys':
      return `unknown ${issue.keys.map((key) => JSON.stringify(key)).join(', ')}${knownKeys(issue)}`;
    default:
      return `expected ${allowed(issue)}${found(issue)}`;
  }
}

function knownKeys({ inst, keys }: Found & { readonly keys: readonly string[] }): string {
  const { shape = {} } = (inst?._zod.def ?? {}) as { readonly shape?: object };
  const known = Object.keys(shape);
  const meant = keys.length === 1 ? nearest(keys[0] as string, known) : undefined;
  return `;${meant ? ` did you mean ${meant}?` : ''} known: ${known.join(', ')}`;
}

/** The known spelling that a person seems to mean: others write `maxBatchSize` or `max-batch-size`, or a letter too many. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const plain = (text: string) => text.toLowerCase().replace(/[\s_-]/g, '');
  const wanted = plain(name).slice(0, 64);
  const [best] = known
    .map((one) => ({ one, far: distance(wanted, plain(one)) }))
    .filter(({ one, far }) => far <= one.length / 3)
    .sort((a, b) => a.far - b.far);
  return best?.one;
}

/** Letters to add, remove, replace or swap with the next one (optimal string alignment). */
function distance(a: string, b: string): number {
  let [older, last]: number[][] = [[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      const isSwapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row[j] = Math.min(
        at(last, j) + 1,
        at(row, j - 1) + 1,
        at(last, j - 1) + (isSame ? 0 : 1),
        isSwapped ? at(older, j - 2) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    [older, last] = [last as number[], row];
  }
  return at(last, b.length);
}

const at = (row: readonly number[] | undefined, j: number): number => row?.[j] ?? Number.POSITIVE_INFINITY;

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
  null: 'nothing',
  undefined: 'nothing',
};

function allowed(issue: Issue | Found): string {
  switch (issue.code) {
    case 'invalid_type':
      return KINDS[issue.expected] ?? issue.expected;
    case 'invalid_value':
      return oneOf(issue.values);
    case 'too_small':
      return `${issue.inclusive ? 'at least' : 'more than'} ${amount(issue.minimum, issue.origin)}`;
    case 'too_big':
      return `${issue.inclusive ? 'at most' : 'less than'} ${amount(issue.maximum, issue.origin)}`;
    case 'invalid_format':
      return issue.format !== 'regex'
        ? `text in the format ${issue.format.toUpperCase()}`
        : `text of the form ${issue.pattern}`;
    case 'invalid_union': {
      const { options } = issue as { readonly options?: readonly unknown[] };
      return oneOf(options ?? issue.errors.flatMap(([first]) => (first ? [allowed(first)] : [])));
    }
    default:
      return issue.message?.replace(/^expected /, '') ?? 'another value';
  }
}

function oneOf(values: readonly unknown[]): string {
  const texts = values.map((value) => (value === '' ? 'nothing' : String(value)));
  return texts.length < 3 ? texts.join(' or ') : `one of ${texts.join(', ')}`;
}

const UNITS: Readonly<Record<string, string>> = { string: 'character', array: 'item' };

function amount(count: number | bigint, origin: string): string {
  const unit = UNITS[origin];
  return unit ? `${count} ${unit}${count === 1 ? '' : 's'}` : String(count);
}

/** Numbers only where one is allowed: another one may be a secret. */
function found(issue: Found): string {
  const { code, input } = issue;
  if (code === 'invalid_format' || 'discriminator' in issue || Number.isNaN(input)) return '';
  if (code === 'too_small' || code === 'too_big') {
    return `, found ${typeof input === 'number' ? input : (input as { length: number }).length}`;
  }
  const isNumber = typeof input === 'number';
  if (isNumber && allowsNumbers(issue)) return `, found ${input}`;
  if (code !== 'invalid_type') return typeof input === 'string' ? '' : `, found ${kindOf(input)}`;
  return `, found ${kindOf(input)}${isNumber && issue.expected === 'string' ? '; put it in quotes' : ''}`;
}

/** Whether numbers, and only numbers, are allowed. */
function allowsNumbers(issue: Issue | Found): boolean {
  if (issue.code === 'invalid_value') return issue.values.every((value) => typeof value === 'number');
  if (issue.code === 'invalid_union') return issue.errors.every(([first]) => first && allowsNumbers(first));
  return issue.code === 'invalid_type' && issue.expected === 'int';
}

function kindOf(input: unknown): string {
  if (input === undefined || input === null) return 'nothing';
  if (Array.isArray(input)) return 'a list';
  return KINDS[typeof input] ?? typeof input;
}
