import { join } from 'node:path';
import type { PeerCertificate } from 'node:tls';
import { ROOT } from '@headgate/testkit/root';
import { expect, it } from 'vitest';
import type { Answer, Question } from './entry.ts';
import type { DeployError, ExitCode } from './errors.ts';
import { lookThrough } from './verify.ts';

const photo = join(ROOT, 'samples/digit-7.png');
const table = (version: string) =>
  JSON.stringify({
    ...{ schema: 1, default_model: 'm' },
    models: {
      m: {
        versions: ['1', '2'],
        experiment: { name: 'e', salt: 's', variants: [{ name: 'all', version, weight: 100 }] },
      },
    },
  });

const answer = (status: number, body: object = {}, left = 9): Answer => ({
  status,
  // The pause before the next try, in seconds.
  headers: { 'retry-after': '0.001', ratelimit: `"all";r=${left};t=9` },
  body: JSON.stringify(body),
  certificate: { issuer: { CN: 'test' }, valid_to: '2050-01-01' } as PeerCertificate,
});
const photoOf = (version: string, left?: number) =>
  answer(200, { model: 'm', version, predictions: [{ top: [{ label: 'cat', score: 0.9 }] }] }, left);

interface Faced {
  readonly stranger?: number;
  readonly answers?: readonly (Answer | Error)[];
  readonly tables?: readonly string[];
  readonly balancersOnly?: boolean;
}

/** @returns the exit code; 0: verified */
async function verified(faced: Faced): Promise<0 | ExitCode> {
  return (await failureOf(faced))?.exitCode ?? 0;
}

/** The last answer and the last table are repeated. */
async function failureOf({
  stranger = 401,
  answers = [],
  tables = [table('1')],
  balancersOnly = false,
}: Faced): Promise<DeployError | undefined> {
  const [next, nextTable] = [taker(answers), taker(tables)];
  const send = async ({ path }: Question) => {
    const given = path === '/predict' ? next() : answer(stranger);
    if (given instanceof Error) throw given;
    return given;
  };
  const options = {
    host: 'h',
    trusted: '',
    key: 'k',
    photo,
    proxyProtocol: false,
    balancersOnly,
    routing: async () => nextTable(),
    say: () => {},
  };
  try {
    await lookThrough(send, { ...options, signal: new AbortController().signal });
    return undefined;
  } catch (error) {
    return error as DeployError;
  }
}

const taker = <T>(list: readonly T[]) => {
  let i = 0;
  return () => list[Math.min(i++, list.length - 1)] as T;
};

it('blames Headgate for a wrong answer alone', async () => {
  const failed = Object.assign(new Error('expired'), { code: 'CERT_HAS_EXPIRED' });
  expect(await verified({ answers: [photoOf('1', 9), photoOf('1', 8)] })).toBe(0);
  expect(await verified({ answers: [answer(503)] })).toBe(1);
  expect(await verified({ answers: [photoOf('2')] })).toBe(1);
  expect(await verified({ answers: [failed] })).toBe(1);
  expect(await verified({ stranger: 200 })).toBe(1);
});

it('leaves a deployment alone that it could not verify', async () => {
  expect(await verified({ answers: [answer(429)] })).toBe(4);
  expect(await verified({ answers: [answer(422)] })).toBe(4);
  expect(await verified({ answers: [answer(401)] })).toBe(4);
  expect(await verified({ answers: [new Error('forward ended')] })).toBe(4);
  expect(await verified({ stranger: 429 })).toBe(4);
  expect(await verified({ answers: [photoOf('1', 9)] })).toBe(4);
});

it('follows weights that change meanwhile', async () => {
  const answers = [photoOf('2', 9), photoOf('2', 8), photoOf('2', 7)];
  expect(await verified({ answers, tables: [table('1'), table('2')] })).toBe(0);
});

it('names the setting that keeps it out of Envoy', async () => {
  const answers = [Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })];
  const failure = await failureOf({ answers, balancersOnly: true });
  expect(failure).toMatchObject({ exitCode: 4, remedy: expect.stringContaining('127.0.0.1/32') });
  expect((await failureOf({ answers }))?.remedy).not.toContain('127.0.0.1/32');
});
