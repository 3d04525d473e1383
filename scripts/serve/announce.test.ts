import { testConfig } from '@headgate/testkit/config';
import { expect, it } from 'vitest';
import { curlFor, describeCrash, samplePhoto } from './announce.ts';
import { describeService } from './ready-file.ts';

const keys = { client: 'hg_c', bench: 'hg_b', admin: 'hg_a' };

it('prints a curl that can be pasted in the folder that serves', () => {
  const service = describeService(testConfig(), { root: '/my dir', mode: 'full', keys, model: 'm' });
  expect(curlFor('/my dir', service, samplePhoto('/my dir', service))).toBe(
    `curl --cacert state/tls/public/ca.crt -H "X-API-Key: hg_c" ` +
      `-F image=@samples/chelsea.png https://localhost:8443/predict`,
  );
});

it('prints a curl over plain HTTP in the fallback', () => {
  const service = describeService(testConfig(), { root: '/srv', mode: 'fallback', keys, model: 'digits' });
  expect(curlFor('/srv', service, samplePhoto('/srv', service))).toBe(
    `curl -H "X-API-Key: hg_c" -F image=@samples/digit-7.png http://127.0.0.1:8441/predict`,
  );
});

it('says how a process ended and what happens next', () => {
  const crash = { name: 'gateway', crashesInARow: 1, restartMs: 100 } as const;
  expect(describeCrash({ ...crash, how: 'SIGKILL' })).toBe(
    'gateway ended by SIGKILL; starting it again in 0.1 s',
  );
  expect(describeCrash({ ...crash, how: 1 })).toContain('with exit code 1');
});
