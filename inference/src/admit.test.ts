import { BACKGROUND_PARAMETER } from '@headgate/contracts/names';
import { expect, it } from 'vitest';
import { admit } from './admit.ts';
import type { Admittance } from './dispatch.ts';
import type { Serving } from './models/deployment.ts';
import { AFFINE, manifestOf } from './testing/tensor-models.ts';

interface Caller {
  readonly tenant?: string;
  readonly peer?: string;
}

/** What the dispatcher is asked for a call. It refuses everything, before the request is read. */
function askFor(caller: Caller, parameters: object = {}, cache?: Serving['cache']): Admittance | undefined {
  let ask: Admittance | undefined;
  const refuse = (asked: Admittance) => {
    ask = asked;
    throw new Error('no room');
  };
  const serving = {
    model: { manifest: manifestOf('m', AFFINE) },
    queue: { levels: 1, defaultLevel: 1 },
    dispatcher: { admit: refuse },
    cache,
  } as unknown as Serving;
  const request = { model_name: 'm', parameters, inputs: [], outputs: [] };
  const call = { request, remainingMs: 1000, tenant: undefined, peer: undefined, ...caller } as never;
  expect(() => admit({ find: () => serving, maxStrings: 1, maxPixels: 1 }, call)).toThrow('no room');
  return ask;
}

const shareOf = (caller: Caller) => askFor(caller)?.share;

it('shares the engines by tenant, and among callers with certificates by their names', () => {
  const callers = [{ tenant: 'a' }, { tenant: 'b' }, { peer: 'a' }, { peer: 'CN=billing' }, {}];
  expect(new Set(callers.map(shareOf)).size).toBe(callers.length);
  expect(shareOf({ tenant: 'a', peer: 'gateway' })).toBe(shareOf({ tenant: 'a' }));
  expect(shareOf({ peer: 'CN=billing' })).toBe(shareOf({ peer: 'CN=billing' }));
});

it('asks for background as a share of its own, and past the cache', () => {
  const parameters = { [BACKGROUND_PARAMETER]: { bool_param: true } };
  const cache = {} as Serving['cache'];
  expect(askFor({ tenant: 'a' }, parameters, cache)).toMatchObject({ background: true, share: 'background' });
  expect(askFor({ tenant: 'background' })).toMatchObject({ background: false });
  expect(shareOf({ tenant: 'background' })).not.toBe('background');
});
