import { isDeepStrictEqual } from 'node:util';
import { onlyVersion, parseRouting, type Routing } from '@headgate/contracts/routing';
import { parseYaml, parseYamlDocument } from '@headgate/runtime/parse-yaml';
import { type Document, isCollection, stringify } from 'yaml';

type Path = readonly (string | number)[];
type Fields = Readonly<Record<string, unknown>>;
/** A table as its text has it. */
interface Written {
  readonly models: Readonly<Record<string, { readonly version?: string; readonly versions?: unknown }>>;
}

/**
 * The text of `after`, with comments, order and style of the text before.
 *
 * @param before what `text` says; undefined when it is not usable: then the table is written from new
 */
export function editText(text: string, before: Routing | undefined, after: Routing): string {
  if (before) {
    const edited = edit(text, before, after);
    if (edited !== undefined) return edited;
  }
  return stringify(after, { lineWidth: 0 });
}

/** Undefined where the text cannot be changed in place, for example within an alias. */
function edit(text: string, before: Routing, after: Routing): string | undefined {
  try {
    const document = parseYamlDocument(text);
    const written = document.toJS();
    change(document, [], written, asWritten(written, before, after));
    const edited = document.toString({ lineWidth: 0 });
    return isDeepStrictEqual(parseRouting(parseYaml(edited)), after) ? edited : undefined;
  } catch {
    return undefined;
  }
}

/** `after` in the form of the text: a model stays in the plain form while one version gets all units. */
function asWritten(written: Written, before: Routing, after: Routing): Fields {
  const models = Object.entries(after.models).map(([model, full]) => {
    const plain = Object.hasOwn(written.models, model) ? written.models[model] : undefined;
    if (isDeepStrictEqual(before.models[model], full)) return [model, plain];
    const { experiment, ...rest } = full;
    const version = experiment.variants[0]?.version ?? '';
    const mayBePlain = plain === undefined || plain.version !== undefined;
    if (!mayBePlain || !isDeepStrictEqual(experiment, onlyVersion(version))) return [model, full];
    const { versions, ...others } = rest;
    const areSaid = plain?.versions !== undefined || !isDeepStrictEqual(versions, [version]);
    return [model, { version, ...(areSaid && { versions }), ...others }];
  });
  return { ...after, models: Object.fromEntries(models) };
}

/** Touches only what differs, so that comments beside it stay. */
function change(document: Document, path: Path, before: unknown, after: unknown): void {
  if (isDeepStrictEqual(before, after)) return;
  if (Array.isArray(before) && Array.isArray(after)) changeItems(document, path, before, after);
  else if (isFields(before) && isFields(after)) changeFields(document, path, before, after);
  else document.setIn(path, nodeOf(document, path, after));
}

function changeFields(document: Document, path: Path, before: Fields, after: Fields): void {
  for (const key of Object.keys(before)) if (!Object.hasOwn(after, key)) document.deleteIn([...path, key]);
  for (const [key, value] of Object.entries(after)) change(document, [...path, key], before[key], value);
}

function changeItems(
  document: Document,
  path: Path,
  before: readonly unknown[],
  after: readonly unknown[],
): void {
  after.forEach((item, index) => {
    change(document, [...path, index], before[index], item);
  });
  for (let index = before.length - 1; index >= after.length; index--) document.deleteIn([...path, index]);
}

/** On one line where the items beside it are. */
function nodeOf(document: Document, path: Path, value: unknown): unknown {
  if (typeof value !== 'object') return value;
  const sibling = document.getIn([...path.slice(0, -1), 0]);
  return document.createNode(value, { flow: isCollection(sibling) && sibling.flow === true });
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
