import { testConfig } from '@headgate/testkit/config';
import { eventually } from '@headgate/testkit/eventually';
import { describe, expect, it } from 'vitest';
import { maxBodyBytes } from '../src/limits.ts';
import { type Answer, https } from './support/client.ts';
import { HASTY, TestEnvoy } from './support/envoy.ts';
import { Upstream } from './support/upstream.ts';

const APP = 'https://app.example.com';
const LOCAL = 'http://localhost:5173';
const allowing = (...origins: string[]) => ({ HEADGATE_GATEWAY__CORS__ORIGINS: JSON.stringify(origins) });
const from = (origin: string) => ({ headers: { origin } });

/** What a browser looks for before it shows an answer to a page. */
function told({ status, headers }: Answer) {
  const names = ['access-control-allow-origin', 'access-control-expose-headers', 'vary'] as const;
  return [status, ...names.map((name) => headers[name])];
}
const readable = (status: number, origin: string) => [
  status,
  origin,
  expect.stringContaining('retry-after'),
  origin === '*' ? undefined : 'Origin',
];

describe("Envoy's own answers", () => {
  it('can be read by pages of allowed origins, whatever it refuses', async () => {
    await using envoy = await TestEnvoy.start({ ...HASTY, ...allowing(LOCAL, APP) });
    const unreachable = await https(envoy, { path: '/predict', ...from(APP) });
    expect(told(unreachable)).toEqual(readable(503, APP));
    await using _ = await Upstream.listen(envoy);
    await eventually(async () => (await https(envoy)).status === 200, 'the gateway is reached');
    const slowly = (send: (bytes: Uint8Array) => void) => {
      send(Buffer.from('x'));
      return () => undefined;
    };
    const answers = [
      await https(envoy, { path: '/hold', ...from(LOCAL) }),
      await https(envoy, { path: '/v1%2fmodels', ...from(LOCAL) }),
      await https(envoy, { method: 'POST', ...from(LOCAL), slowly }),
    ];
    expect(answers.map(told)).toEqual([504, 400, 408].map((status) => readable(status, LOCAL)));
  });

  it('can be read where the body is too large', async () => {
    await using envoy = await TestEnvoy.start(allowing(APP));
    await using _ = await Upstream.listen(envoy);
    const headers = { origin: APP, 'content-length': maxBodyBytes(testConfig({})) + 1 };
    const answer = await https(envoy, { method: 'POST', path: '/predict', headers, withholdBody: true });
    expect(told(answer)).toEqual(readable(413, APP));
  });

  it('can be read above the rate ceiling', async () => {
    await using envoy = await TestEnvoy.start({ HEADGATE_ENVOY__LOCAL_RATE_PER_S: '1', ...allowing('*') });
    await using _ = await Upstream.listen(envoy);
    const answers = await Promise.all(Array.from({ length: 20 }, () => https(envoy, from(APP))));
    const [refused] = answers.filter(({ status }) => status !== 200);
    expect(refused && told(refused)).toEqual(readable(503, '*'));
  });

  it.each([
    ['another origin', allowing(APP), from(`${APP}.evil.example`), 'Origin'],
    ['a client without an origin', allowing(APP), {}, 'Origin'],
    ['anybody, where no origin is allowed', {}, from(APP), undefined],
  ])('say nothing to %s', async (_, settings, request, vary) => {
    await using envoy = await TestEnvoy.start(settings);
    const answer = await https(envoy, { path: '/predict', ...request });
    expect([answer.status, answer.headers['access-control-allow-origin'], answer.headers.vary]).toEqual([
      503,
      undefined,
      vary,
    ]);
  });
});
