import { expect, it } from 'vitest';
import { admit } from './admit.ts';
import type { Admittance } from './dispatch.ts';
import type { Serving } from './models/deployment.ts';
import { AFFINE, manifestOf } from './testing/tensor-models.ts';

/** Whose share a call takes. Its dispatcher refuses everything, before the request is read. */
function shareOf(caller: { tenant?: string; peer?: string }): string | undefined {
  let share: string | undefined;
  const refuse = (asked: Admittance) => {
    share = asked.share;
    throw new Error('no room');
  };
  const serving = {
    model: { manifest: manifestOf('m', AFFINE) },
    queue: { levels: 1, defaultLevel: 1 },
    dispatcher: { admit: refuse },
  } as unknown as Serving;
  const request = { model_name: 'm', parameters: {}, inputs: [], outputs: [] };
  const call = { request, remainingMs: 1000, tenant: undefined, peer: undefined, ...caller } as never;
  expect(() => admit({ find: () => serving, maxStrings: 1, maxPixels: 1 }, call)).toThrow('no room');
  return share;
}

it('shares the engines by tenant, and among callers with certificates by their names', () => {
  const callers = [{ tenant: 'a' }, { tenant: 'b' }, { peer: 'a' }, { peer: 'CN=billing' }, {}];
  expect(new Set(callers.map(shareOf)).size).toBe(callers.length);
  expect(shareOf({ tenant: 'a', peer: 'gateway' })).toBe(shareOf({ tenant: 'a' }));
  expect(shareOf({ peer: 'CN=billing' })).toBe(shareOf({ peer: 'CN=billing' }));
});
