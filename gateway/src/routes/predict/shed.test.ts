import { HeadgateError } from '@headgate/contracts/errors';
import { describe, expect, it } from 'vitest';
import { reasonOf } from '../../testing/answers.ts';
import { type Fixture, fixture, KEYS, PREDICTION } from '../../testing/app-fixture.ts';
import { countedBody, streamed } from '../../testing/bodies.ts';
import { echoInference } from '../../testing/echo-inference.ts';
import { pngHeader } from '../../testing/images.ts';

/** Control by its hash, so that one version gets everything. */
const ALICE = { 'x-headgate-unit': 'alice' };
const IMAGE = { method: 'POST', body: pngHeader(8, 8), headers: { 'content-type': 'image/png', ...ALICE } };

const overloaded = () => {
  throw new HeadgateError('overloaded', 'full', { retryAfterMs: 2500 });
};
/** Every chance to shed is taken. */
const eager = { random: () => 0 };

/** Inference that refuses each image, and dice that fall for shedding. */
async function refused(
  overrides: Parameters<typeof fixture>[0] = {},
  key: string = KEYS.bench,
): Promise<Fixture> {
  const gateway = await fixture({ ...eager, predictor: { predict: async () => overloaded() }, ...overrides });
  const headers = { ...IMAGE.headers, 'x-api-key': key };
  for (let i = 0; i < 3; i++) await gateway.send('/predict', { ...IMAGE, headers });
  return gateway;
}

describe('A request to a version that refuses', () => {
  it('is answered by the gateway as inference would, and its body is not read', async () => {
    const { send, seen } = await refused();
    const body = countedBody();
    const response = await send('/predict', streamed(body.stream, ALICE));
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '3']);
    expect(await reasonOf(response)).toBe('overloaded');
    expect(body.takenBytes()).toBe(0);
    expect(seen.shed.at(-1)).toBe('net/1');
    expect(seen.requests.at(-1)).toMatchObject({ status: 503, reason: 'overloaded', route: '/predict' });
  });

  it.each([
    '/v1/models/net/predict',
    '/v1/models/net/versions/1/predict',
    '/v2/models/net/infer',
    '/v2/models/net/versions/1/infer',
  ])('is refused at %s too', async (path) => {
    const { send, seen } = await refused({}, KEYS.admin);
    const before = seen.shed.length;
    const headers = { ...IMAGE.headers, 'x-api-key': KEYS.admin };
    expect((await send(path, { ...IMAGE, headers })).status).toBe(503);
    expect(seen.shed.length).toBe(before + 1);
  });

  it('learns from tensors what it learns from photos', async () => {
    const inference = { ...echoInference(), infer: async () => overloaded() };
    const { send, seen } = await fixture({ ...eager, inference });
    const tensors = {
      method: 'POST',
      headers: ALICE,
      body: JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1], data: [1] }] }),
    };
    expect((await send('/v2/models/net/infer', tensors)).status).toBe(503);
    expect(seen.shed).toEqual([]);
    expect((await send('/v2/models/net/infer', tensors)).status).toBe(503);
    expect((await send('/predict', IMAGE)).status).toBe(503);
    expect(seen.shed).toEqual(['net/1', 'net/1']);
  });

  it('of another caller changes nothing for others', async () => {
    const { send, seen } = await refused({}, KEYS.admin);
    await send('/predict', IMAGE);
    expect(seen.shed).toEqual(['net/1', 'net/1']);
  });

  it('is charged to its key like an accepted request', async () => {
    const { send } = await refused();
    const headers = { ...IMAGE.headers, 'x-api-key': KEYS.client };
    const statuses = [];
    for (let i = 0; i < 11; i++) statuses.push((await send('/predict', { ...IMAGE, headers })).status);
    expect(statuses).toEqual([...Array(10).fill(503), 429]);
  });
});

describe('Nothing is refused by the gateway', () => {
  it.each(['unavailable', 'internal', 'deadline_exceeded', 'cancelled', 'undecodable_image'] as const)(
    'for %s',
    async (reason) => {
      const predict = async () => {
        throw new HeadgateError(reason, 'no');
      };
      const { seen } = await refused({ predictor: { predict } });
      expect(seen.shed).toEqual([]);
    },
  );

  it('while inference takes what comes', async () => {
    const { seen } = await refused({ predictor: { predict: async () => PREDICTION } });
    expect(seen.shed).toEqual([]);
  });
});
