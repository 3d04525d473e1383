import { type Document, isAlias, isMap, isNode, isScalar, LineCounter, parseDocument, visit } from 'yaml';

/** Why a text is no YAML that we accept: line and cause. The message never quotes the text, so logs may show it. */
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
  logLevel: 'error',
  uniqueKeys: false,
  resolveKnownTags: false,
  prettyErrors: false,
} as const;

const CAUSES: Readonly<Record<string, string>> = {
  MULTIPLE_DOCS: 'more than one document (---)',
  TAG_RESOLVE_FAILED: 'a tag (!) is not supported; quote a text that begins with !',
  RESOURCE_EXHAUSTION: 'nested too deeply',
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
  const problemAt: ProblemAt = (offset, cause) =>
    new YamlError(`line ${lineCounter.linePos(offset).line}: ${cause}`);
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
