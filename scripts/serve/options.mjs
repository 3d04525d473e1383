import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

/** All ports from the base to the base + 8 must be valid. */
const MIN_PORT_BASE = 1024;
const MAX_PORT_BASE = 65_000;

export const USAGE = `usage: npm start -- [--port-base N] [--ready-file PATH] [--fallback] [--help]
  --port-base N      first of nine ports, ${MIN_PORT_BASE} to ${MAX_PORT_BASE} (default 8440)
  --ready-file PATH  JSON file with addresses and keys, written once everything is warm
  --fallback         without Envoy and big models, as on a machine without Python
  --help             this text`;

/** A command line that cannot be understood; the message says what was expected. */
export class UsageError extends Error {}

/**
 * @typedef {object} StartOptions
 * @property {string | undefined} readyFile  absolute
 * @property {number | undefined} portBase
 * @property {boolean} fallback
 * @property {boolean} help  show the usage and do nothing
 */

/**
 * @param {readonly string[]} argv without program and script
 * @param {string} cwd base of a relative path
 * @returns {StartOptions}
 * @throws {UsageError}
 */
export function parseStartOptions(argv, cwd) {
  const values = parse(argv);
  const portBase = values['port-base'] === undefined ? undefined : Number(values['port-base']);
  if (portBase !== undefined && !isPortBase(portBase)) {
    throw new UsageError(`--port-base: expected a whole number from ${MIN_PORT_BASE} to ${MAX_PORT_BASE}`);
  }
  const readyFile = values['ready-file'];
  if (readyFile === '') throw new UsageError('--ready-file: expected a path');
  return {
    readyFile: readyFile === undefined ? undefined : resolve(cwd, readyFile),
    portBase,
    fallback: values.fallback === true,
    help: values.help === true,
  };
}

/** @param {readonly string[]} argv */
function parse(argv) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        'ready-file': { type: 'string' },
        'port-base': { type: 'string' },
        fallback: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** @param {number} port */
function isPortBase(port) {
  return Number.isInteger(port) && port >= MIN_PORT_BASE && port <= MAX_PORT_BASE;
}
