import { sep } from 'node:path';
import { LoadError } from '../load-error.ts';

/** Where in its own source ONNX Runtime found a problem: file, line, and the signature of the function. */
const SOURCE_LOCATION =
  /\/[\w./-]+\.(?:cc|cpp|cu|cuh|h|hpp):\d+ (?:.*?\)(?: const)?(?: \[with .*?\])?(?= |$))?/gm;
/** Longer messages list what only a log has room for. */
const MAX_CHARACTERS = 400;

/**
 * A problem as an operator reads it in the repository index: only sentences about the model, on one line, with paths
 * inside of the repository. The log has the whole message.
 *
 * @param roots folders of versions
 */
export function wordingOf(problem: unknown, roots: readonly string[]): string {
  if (!(problem instanceof LoadError)) return 'The log of the server says why.';
  const message = roots
    .reduce((text, root) => text.replaceAll(`${root}${sep}`, ''), problem.message)
    .replace(SOURCE_LOCATION, ' ')
    .replace(/\s+/g, ' ')
    .trim();
  return message.length <= MAX_CHARACTERS ? message : `${message.slice(0, MAX_CHARACTERS)}…`;
}
