import { parseArgs } from 'node:util';
import { positive } from '../options.ts';
import { GUARDED } from './prepare.ts';
import { PEERS } from './servers.ts';

export interface PeersOptions {
  /** Markdown file to write; undefined: print only. */
  readonly out: string | undefined;
  readonly rounds: number;
  /** Measured time of each load in each round, in ms. */
  readonly stageMs: number;
  /** Measured time of each layout in the selection, in ms. */
  readonly selectMs: number;
  /** Ids of what is measured. */
  readonly only: readonly string[];
}

/** `l1`, `headgate`, the peers, and FastAPI as a public service. */
export const CONTENDERS = ['l1', 'headgate', ...PEERS.map(({ id }) => id), GUARDED.id];

export const USAGE = `npm run bench:peers -- [--out FILE] [--rounds 3] [--seconds 3] [--select-seconds 3] [--only ${CONTENDERS.join(',')}]`;

/** @throws TypeError when an option is unknown or has no such value */
export function parsePeersOptions(args: readonly string[]): PeersOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      out: { type: 'string' },
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '3' },
      'select-seconds': { type: 'string', default: '3' },
      only: { type: 'string', default: CONTENDERS.join(',') },
    },
  });
  const only = values.only.split(',');
  const unknown = only.find((id) => !CONTENDERS.includes(id));
  if (unknown !== undefined) throw new TypeError(`--only: expected some of ${CONTENDERS.join(', ')}`);
  return {
    out: values.out,
    rounds: positive('--rounds', values.rounds),
    stageMs: positive('--seconds', values.seconds) * 1000,
    selectMs: positive('--select-seconds', values['select-seconds']) * 1000,
    only,
  };
}
