import { parseArgs } from 'node:util';
import { positive } from '../options.ts';
import { PEERS } from '../peers/servers.ts';

export interface OverloadOptions {
  /** Markdown file to write; undefined: print only. */
  readonly out: string | undefined;
  /** Curves per door; the one with the median goodput at the highest load is shown. */
  readonly rounds: number;
  /** Measured time of each level of load, in ms. */
  readonly levelMs: number;
  readonly only: readonly string[];
}

export const SERVERS = ['headgate', ...PEERS.map(({ id }) => id)];
const DEFAULT = ['headgate', 'fastapi', 'litserve'];

export const USAGE = `npm run bench:overload -- [--out FILE] [--rounds 1] [--seconds 6] [--only ${DEFAULT.join(',')}]; servers: ${SERVERS.join(', ')}`;

/** @throws TypeError when an option is unknown or has no such value */
export function parseOverloadOptions(args: readonly string[]): OverloadOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      out: { type: 'string' },
      rounds: { type: 'string', default: '1' },
      seconds: { type: 'string', default: '6' },
      only: { type: 'string', default: DEFAULT.join(',') },
    },
  });
  const only = values.only.split(',');
  if (only.some((id) => !SERVERS.includes(id)))
    throw new TypeError(`--only: expected some of ${SERVERS.join(', ')}`);
  return {
    out: values.out,
    rounds: positive('--rounds', values.rounds),
    levelMs: positive('--seconds', values.seconds) * 1000,
    only,
  };
}
