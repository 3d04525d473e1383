import { parseRouting, type Routing } from '@headgate/contracts/routing';
import { describe, expect, it } from 'vitest';
import { answerOf, reasonOf } from '../../testing/answers.ts';
import { type Fixture, fixture, KEYS, ROUTING } from '../../testing/app-fixture.ts';
import { pngHeader } from '../../testing/images.ts';

function post({ send }: Fixture, path: string, headers: Record<string, string> = {}) {
  const init = { method: 'POST', body: pngHeader(8, 8) };
  return send(path, { ...init, headers: { 'content-type': 'image/png', ...headers } });
}

const unit = (name: string) => ({ 'x-headgate-unit': name });

describe('the variant of a request', () => {
  it('is that of the unit which the caller names, every time', async () => {
    const gateway = await fixture();
    for (let i = 0; i < 5; i++) {
      expect(await answerOf(await post(gateway, '/predict', unit('someone')))).toMatchObject({
        version: '2',
        variant: 'treatment',
      });
      expect(await answerOf(await post(gateway, '/predict', unit('alice')))).toMatchObject({
        version: '1',
        variant: 'control',
      });
    }
  });

  it('is that of the key when no unit is named', async () => {
    const gateway = await fixture();
    await post(gateway, '/predict');
    await post(gateway, '/predict', unit('bench001'));
    const [byKey, byName] = gateway.seen.calls;
    expect(byKey?.variant).toBe(byName?.variant);
  });

  it('is control while the version of its own is not ready, and both are recorded', async () => {
    const gateway = await fixture({ readiness: { isReady: (_, version) => version !== '2' } });
    const answer = await answerOf(await post(gateway, '/predict', unit('someone')));
    expect(answer).toMatchObject({ version: '1', variant: 'control' });
    expect(gateway.seen.predictions).toMatchObject([{ variant: 'control', assignedVariant: 'treatment' }]);
  });

  it('comes from one generation of the table, which is read once', async () => {
    let reads = 0;
    const changing = (): Routing => {
      reads += 1;
      return reads === 1
        ? ROUTING
        : parseRouting({ ...ROUTING, default_model: 'gone', models: { gone: ROUTING.models.net } });
    };
    const gateway = await fixture({ routing: { current: changing } });
    expect((await post(gateway, '/predict')).status).toBe(200);
    expect(reads).toBe(1);
  });

  it.each(['', 'x'.repeat(129), 'a b', 'ü'.repeat(2), 'tab\there'])(
    'is refused for the unit %j',
    async (name) => {
      const response = await post(await fixture(), '/predict', unit(name));
      expect([response.status, await reasonOf(response)]).toEqual([400, 'invalid_request']);
    },
  );
});

describe('a model', () => {
  it('may be named', async () => {
    expect(await answerOf(await post(await fixture(), '/v1/models/net/predict'))).toMatchObject({
      model: 'net',
    });
  });

  it('that is not served is 404', async () => {
    const response = await post(await fixture(), '/v1/models/nothing/predict');
    expect([response.status, await reasonOf(response)]).toEqual([404, 'unknown_model']);
  });
});

describe('an explicit version', () => {
  const asTester = { 'x-api-key': KEYS.tester };

  it('is served outside of the experiment', async () => {
    const gateway = await fixture();
    const answer = await answerOf(await post(gateway, '/v1/models/net/versions/3/predict', asTester));
    expect(answer).toMatchObject({ version: '3', variant: null });
    expect(gateway.seen.calls[0]).toMatchObject({ version: '3', variant: null });
    expect(gateway.seen.predictions[0]).toMatchObject({ variant: null, assignedVariant: null });
  });

  it('takes the role of a tester', async () => {
    const response = await post(await fixture(), '/v1/models/net/versions/3/predict');
    expect([response.status, await reasonOf(response)]).toEqual([403, 'scope_missing']);
  });

  it('that is not served is 404', async () => {
    const response = await post(await fixture(), '/v1/models/net/versions/9/predict', asTester);
    expect([response.status, await reasonOf(response)]).toEqual([404, 'unknown_version']);
  });
});

describe('the list of models', () => {
  it('shows versions, readiness and weights, and keeps the salt', async () => {
    const { send } = await fixture({ readiness: { isReady: (_, version) => version === '1' } });
    const text = await (await send('/v1/models')).text();
    expect(text).not.toContain('exp-1');
    expect(JSON.parse(text)).toEqual({
      default_model: 'net',
      models: [
        {
          name: 'net',
          versions: [
            { version: '1', ready: true },
            { version: '2', ready: false },
            { version: '3', ready: false },
          ],
          experiment: {
            name: 'exp',
            variants: [
              { name: 'control', version: '1', weight: 90 },
              { name: 'treatment', version: '2', weight: 10 },
            ],
          },
        },
      ],
    });
  });
});
