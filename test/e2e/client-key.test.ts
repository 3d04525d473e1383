import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HEADER, METRIC } from '@headgate/contracts/names';
import { type Answer, httpsClient } from '@headgate/testkit/http';
import { scrape, total } from '@headgate/testkit/metrics';
import { samplePhoto } from '@headgate/testkit/photos';
import { type PredictBody, postPhoto } from '@headgate/testkit/predict';
import { type ToldQuota, toldQuotas } from '@headgate/testkit/rate-limit-fields';
import { ROOT } from '@headgate/testkit/root';
import { afterAll, describe, expect, inject, it } from 'vitest';
import { inferPhotos } from './harness/open-inference.ts';
import { expectOpenInferenceProblem, expectProblem } from './harness/problem.ts';

/**
 * All that spends the client key's quota of 10 predictions a minute is in this file, in this order, because
 * the quota is one per key for the whole stack.
 */
const { ready } = inject('stack');
const cat = samplePhoto('chelsea.png');
const hasCurl = spawnSync('curl', ['--version']).status === 0;

describe('The curl of the README', () => {
  it.skipIf(!hasCurl)('works literally, but for the port', () => {
    const command = /^curl [\s\S]*?(?=\n```)/m.exec(readFileSync(join(ROOT, 'README.md'), 'utf8'))?.[0];
    const script = command?.replace(':8443/', `:${new URL(ready.https as string).port}/`) ?? '';
    const run = spawnSync('bash', ['-euc', script], { cwd: ROOT, encoding: 'utf8', timeout: 20_000 });
    expect(run.status, run.stderr).toBe(0);
    const body = JSON.parse(run.stdout) as PredictBody;
    expect(body).toMatchObject({ model: ready.model, predictions: [{ index: 0, filename: 'chelsea.png' }] });
    expect([281, 282, 283, 285]).toContain(body.predictions[0]?.top?.[0]?.class_id);
  });
});

describe('A key with the role client', () => {
  const client = httpsClient(ready);
  afterAll(() => client.close());

  it('may not ask for a version by its number', async () => {
    const path = `/v1/models/${ready.model}/versions/1/predict`;
    expectProblem(await postPhoto(client, cat, { key: ready.keys.client, path }), 'scope_missing');
  });
});

describe('The quota of a key of the default tier', () => {
  const client = httpsClient(ready, { localAddress: '127.0.0.60' });
  afterAll(() => client.close());
  const ask = (key: string) => postPhoto(client, cat, { key });

  it('is counted down in every answer, and ends in 429 with the time to wait', async () => {
    const answers: Answer[] = [];
    do answers.push(await ask(ready.keys.client));
    while (answers.at(-1)?.status === 200 && answers.length < 11);
    const remaining = answers.slice(0, -1).map((answer) => predictQuotaOf(answer).r);
    expect(remaining.at(-1)).toBe(0);
    expect(remaining).toEqual([...remaining].sort((a, b) => b - a));
    const refused = answers.at(-1) as Answer;
    expectProblem(refused, 'rate_limited');
    const { q, w, r, t } = predictQuotaOf(refused);
    expect({ q, w, r }).toEqual({ q: 10, w: 60, r: 0 });
    for (const seconds of [t, refused.headers[HEADER.retryAfter]]) {
      expect(Number(seconds)).toBeGreaterThanOrEqual(1);
      expect(Number(seconds)).toBeLessThanOrEqual(60);
    }
    expect(total(await scrape(ready.metrics), METRIC.rateLimited)).toBeGreaterThan(0);
  });

  it('is used up for tensors too: they are predictions', async () => {
    const options = { key: ready.keys.client, model: ready.model, form: 'binary' as const };
    expectOpenInferenceProblem(await inferPhotos(client, [cat], options), 'rate_limited');
  });

  it('leaves routes alone that predict nothing', async () => {
    const headers = { [HEADER.apiKey]: ready.keys.client };
    expect((await client.send({ method: 'GET', path: '/v1/models', headers })).status).toBe(200);
  });

  it('does not bind a key of another tier from the same address', async () => {
    expect((await ask(ready.keys.bench)).status).toBe(200);
  });
});

/** What an answer tells of the key's quota for predictions. */
function predictQuotaOf({ headers }: Answer): ToldQuota {
  const told = toldQuotas((name) => headers[name]?.toString());
  return told.find(({ name }) => name.startsWith('key/predict/')) as ToldQuota;
}

describe('Twenty failed credentials in a minute', () => {
  const intruder = httpsClient(ready, { localAddress: '127.0.0.61' });
  const honest = httpsClient(ready, { localAddress: '127.0.0.62' });
  afterAll(() => Promise.all([intruder.close(), honest.close()]));

  it('are answered with 429 from then on, whatever address they claim to be from, right ones are not', async () => {
    const guess = (index: number) =>
      postPhoto(intruder, cat, {
        key: `hg_guess${index}_${'x'.repeat(43)}`,
        headers: { [HEADER.forwardedFor]: `203.0.113.${index}` },
      });
    for (let index = 0; index < 20; index += 1) expectProblem(await guess(index), 'wrong_key');
    const locked = await guess(20);
    expectProblem(locked, 'rate_limited');
    expect(Number(locked.headers[HEADER.retryAfter])).toBeGreaterThanOrEqual(1);
    for (const client of [honest, intruder]) {
      expect((await postPhoto(client, cat, { key: ready.keys.bench })).status).toBe(200);
    }
  });
});
