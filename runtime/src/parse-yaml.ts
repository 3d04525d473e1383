import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from 'yaml';

/** Why a text is no YAML that we accept: line, column and cause. The message never quotes the text, so logs may show it. */
export class YamlError extends RangeError {
  override readonly name = 'YamlError';
}

/** Aliases of a document, and again uses of one anchor with those inside other anchors multiplied. */
const MAX_ALIASES = 100;

/**
 * Without the library's own search for repeated keys: its time grows with the square of their number. Nor does it quote
 * the text of each error, of which there can be one for each character.
 */
const OPTIONS = {
  // Whatever version the text asks for: YAML 1.1 reads `on` and 1_000 otherwise.
  schema: 'core',
  logLevel: 'error',
  uniqueKeys: false,
  resolveKnownTags: false,
  prettyErrors: false,
} as const;

const CAUSES: Readonly<Record<string, string>> = {
  MULTIPLE_DOCS: 'more than one document (---)',
  TAG_RESOLVE_FAILED: 'a tag (!) is not supported; quote a text that begins with !',
  RESOURCE_EXHAUSTION: 'nested too deeply',
  TAB_AS_INDENT: 'not valid YAML: a tab as indentation; indent with spaces',
  BAD_INDENT: 'not valid YAML: the indentation fits no line above, or a bracket is not closed',
  BAD_SCALAR_START: 'not valid YAML: a text begins with a special character; put it in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'not valid YAML: two keys on one line; put a text that has a colon in quotes',
  MISSING_CHAR: 'not valid YAML: a quote, a bracket or a colon is missing',
};

/**
 * Headgate reads all YAML with this function. The library only warns of some mistakes, and its warnings print the
 * text, which may hold a secret: here they are errors.
 *
 * @throws YamlError
 */
export function parseYaml(text: string): unknown {
  return documentOf(text, (document) => document.toJS({ maxAliasCount: MAX_ALIASES }));
}

/** As `parseYaml`, with comments and style, for a text that is to be edited. */
export function parseYamlDocument(text: string): Document.Parsed {
  return documentOf(text, (document) => document);
}

function documentOf<T>(text: string, use: (document: Document.Parsed) => T): T {
  const lineCounter = new LineCounter();
  const problemAt: ProblemAt = (offset, cause) => new YamlError(`${placeAt(lineCounter, offset)}: ${cause}`);
  try {
    const document = parseDocument(text, { ...OPTIONS, lineCounter });
    const [problem] = [...document.errors, ...document.warnings];
    if (problem) throw problemAt(problem.pos[0], causeOf(problem.code));
    refuseUnsupported(document, problemAt);
    return use(document);
  } catch (error) {
    if (error instanceof YamlError) throw error;
    if (error instanceof ReferenceError) throw new YamlError('too many aliases (*)');
    // A deep document can use up the stack.
    if (error instanceof RangeError) throw new YamlError('nested too deeply');
    throw error;
  }
}

function placeAt(lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset);
  return `line ${line}, column ${col}`;
}

/** Problems that are placed; a person corrects the first ones and looks again. */
const MAX_PLACES = 20;

/**
 * Where a text that `parseYaml` accepts says what these paths name, or what they are missing from: `line 3, column 5`.
 * Empty for an empty text, and for paths after the first twenty.
 */
export function placesOf(text: string, paths: readonly (readonly PropertyKey[])[]): string[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { ...OPTIONS, lineCounter: lines });
  return paths.map((path, i) => {
    const offset = i < MAX_PLACES ? offsetOf(document, path) : undefined;
    return offset === undefined ? '' : placeAt(lines, offset);
  });
}

function offsetOf(document: Document.Parsed, path: readonly PropertyKey[]): number | undefined {
  let node: unknown = document.contents;
  let offset = (node as Node | null)?.range?.[0];
  for (const step of path) {
    const target = isAlias(node) ? node.resolve(document) : node;
    const pair = isMap(target)
      ? target.items.find(({ key }) => isScalar(key) && String(key.value) === step)
      : undefined;
    const found: unknown = pair ? pair.key : isSeq(target) ? target.items[Number(step)] : undefined;
    if (!isNode(found)) return offset;
    offset = found.range?.[0] ?? offset;
    node = pair ? pair.value : found;
  }
  return offset;
}

type ProblemAt = (offset: number, cause: string) => YamlError;

const causeOf = (code: string) =>
  CAUSES[code] ?? `not valid YAML (${code.toLowerCase().replaceAll('_', ' ')})`;

/** What the library accepts, or refuses without a line. */
function refuseUnsupported(document: Document.Parsed, problemAt: ProblemAt): void {
  const anchors = new Set<string>();
  let aliases = 0;
  visit(document, (_, node, path) => {
    if (!isNode(node)) return;
    const refuse = (cause: string): never => {
      throw problemAt(node.range?.[0] ?? 0, cause);
    };
    if (isMap(node)) refuseKeys(node.items, problemAt);
    if (!isAlias(node)) {
      if (node.anchor) anchors.add(node.anchor);
      return;
    }
    aliases += 1;
    if (aliases > MAX_ALIASES) refuse(`more than ${MAX_ALIASES} aliases (*)`);
    if (!anchors.has(node.source)) refuse('an alias (*) without its anchor (&) above it');
    const isInside = path.some((one) => isNode(one) && !isAlias(one) && one.anchor === node.source);
    if (isInside) refuse('an alias (*) inside its own anchor (&)');
  });
}

function refuseKeys(pairs: readonly { readonly key: unknown }[], problemAt: ProblemAt): void {
  const seen = new Set<string>();
  for (const { key } of pairs) {
    const at = (isNode(key) && key.range?.[0]) || 0;
    if (!isScalar(key)) throw problemAt(at, 'a key that is not plain text');
    // A symbol in a document that asks for YAML 1.1.
    const isMerge = key.value === '<<' || typeof key.value === 'symbol';
    if (isMerge) throw problemAt(at, 'merge keys (<<) are not supported; write the keys out');
    const name = String(key.value);
    if (seen.has(name)) throw problemAt(at, 'a key that occurs twice');
    seen.add(name);
  }
}
