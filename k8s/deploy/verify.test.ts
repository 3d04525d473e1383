import { parseRouting } from '@headgate/contracts/routing';
import { samplesOf } from '@headgate/runtime/exposition';
import { expect, it } from 'vitest';
import { render } from '../chart/test/render.ts';
import { COUNTED, countIn, isWorse, refuseOthers, refuseUnknown } from './canary.ts';
import { DeployError } from './errors.ts';
import { isCounted, unitsFor } from './verify.ts';

it('chooses units of each variant that has weight', () => {
  const routing = parseRouting({
    schema: 1,
    default_model: 'm',
    models: {
      m: {
        versions: ['1', '2', '3'],
        experiment: {
          name: 'e',
          salt: 's',
          variants: [
            { name: 'control', version: '1', weight: 99.99 },
            { name: 'rare', version: '2', weight: 0.01 },
            { name: 'off', version: '3', weight: 0 },
          ],
        },
      },
    },
  });
  expect([...unitsFor(routing)].map(({ variant, version }) => `${variant} ${version}`)).toEqual([
    'control 1',
    'control 1',
    'rare 2',
    'rare 2',
  ]);
});

it('sees a quota that is counted, also when a minute begins in between', () => {
  const none = Number.POSITIVE_INFINITY;
  expect(isCounted([9, 8, 7])).toBe(true);
  expect(isCounted([1, 9, 8])).toBe(true);
  expect(isCounted([none, none])).toBe(true);
  expect(isCounted([9])).toBe(true);
  expect(isCounted([9, 9, 9])).toBe(false);
});

it('counts the answers of a canary by status', () => {
  const page = [
    '# TYPE headgate_http_requests_total counter',
    'headgate_http_requests_total{route="/predict",status="200"} 90',
    'headgate_http_requests_total{route="/predict",status="429"} 5',
    'headgate_http_requests_total{route="/predict",status="503"} 4',
    'headgate_http_requests_total{route="/v1/models",status="500"} 1',
  ].join('\n');
  expect(countIn(samplesOf(page, COUNTED))).toEqual({ requests: 100, failures: 5 });
});

it('calls a canary worse when it fails more often than the others, by more than chance', () => {
  const rest = { requests: 900, failures: 9 };
  expect(isWorse({ requests: 100, failures: 2 }, rest)).toBe(false);
  expect(isWorse({ requests: 100, failures: 3 }, rest)).toBe(true);
  expect(isWorse({ requests: 100, failures: 30 }, { requests: 900, failures: 300 })).toBe(false);
  expect(isWorse({ requests: 3, failures: 3 }, { requests: 0, failures: 0 })).toBe(true);
});

it('says nothing of a canary with few requests: 2 of 2 may have failed', () => {
  expect(() => refuseUnknown({ requests: 2, failures: 2 })).toThrow('2 requests, too few');
  expect(() => refuseUnknown({ requests: 0, failures: 0 })).toThrow(DeployError);
  refuseUnknown({ requests: 20, failures: 0 });
});

it('tries a canary alone: not with another configuration or chart', async () => {
  const before = await render('staging');
  const canary = {
    'gateway.canary.enabled': true,
    'gateway.canary.image.digest': `sha256:${'a'.repeat(64)}`,
  };
  const stage = await render('staging', canary);
  expect(stage.length).toBeGreaterThan(before.length);
  refuseOthers(before, stage);
  refuseOthers(stage, before);
  const changed = await render('staging', { ...canary, 'gateway.terminationGracePeriodSeconds': 77 });
  expect(() => refuseOthers(before, changed)).toThrow('would change deployment/headgate-gateway');
});
