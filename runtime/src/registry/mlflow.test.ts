import { createServer } from 'node:http';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { tempDir, writeText } from '@headgate/testkit/folders';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { noResilienceReport } from '../resilience/report.ts';
import { answerText, type FakeMlflow, fakeMlflow } from '../testing/fake-mlflow.ts';
import { type ModelRegistry, openRegistry } from './mlflow.ts';

let mlflow: FakeMlflow;
let registry: ModelRegistry;
const { signal: never } = new AbortController();

beforeEach(async () => {
  mlflow = await fakeMlflow();
  registry = open();
});

function open(settings: { token_file?: string; timeout_ms?: number } = {}, root = '/') {
  const config = {
    url: mlflow.url,
    token_file: '',
    cache_dir: '',
    poll_ms: 1,
    timeout_ms: 5000,
    ...settings,
  };
  return openRegistry({ registry: config }, { root, report: noResilienceReport }) as ModelRegistry;
}

const put = (name: string, files: Readonly<Record<string, string>> = {}) =>
  mlflow.versions.set(name, {
    tags: new Map([['a', 'b']]),
    files: new Map(Object.entries(files).map(([path, text]) => [path, Buffer.from(text)])),
  });

async function textOf(path: string, maxBytes = 100, from = registry): Promise<string> {
  const version = { model: 'a', version: '1', createdAtMs: 1, runId: 'a/1', tags: {} };
  const pieces: Uint8Array[] = [];
  for await (const piece of from.download(version, path, { maxBytes, signal: never })) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

const answerEach = (status: number, text: string) => {
  mlflow.intercept = (_, response) => answerText(response, status, text);
};

it('is none where no address is configured', () => {
  const registry = { url: '', token_file: '', cache_dir: '', poll_ms: 1, timeout_ms: 1 };
  expect(openRegistry({ registry }, { root: '/', report: noResilienceReport })).toBeUndefined();
});

describe('the client of MLflow', () => {
  it('reads all pages of a list, with the tags', async () => {
    for (const name of ['a/1', 'a/2', 'b/1', 'b/2', 'b/3']) put(name);
    const versions = await registry.versions();
    expect(versions.map(({ model, version }) => `${model}/${version}`)).toEqual([...mlflow.versions.keys()]);
    expect(versions[0]).toEqual({ model: 'a', version: '1', createdAtMs: 1, runId: 'a/1', tags: { a: 'b' } });
  });

  it('ends at a list without an end', async () => {
    const row = { name: 'a', version: '1', creation_timestamp: 1 };
    answerEach(200, JSON.stringify({ model_versions: [row], next_page_token: 'again' }));
    await expect(registry.versions()).rejects.toMatchObject({ kind: 'wrong' });
  });

  it('tells a version that is not there from a server that is not', async () => {
    expect(await registry.version('a', '1')).toBeUndefined();
    mlflow.stop();
    const asked = registry.version('a', '1');
    await expect(asked).rejects.toMatchObject({ name: 'RegistryError', kind: 'unavailable' });
    await expect(asked).rejects.toThrow('ECONNREFUSED');
  });

  it('leaves out metrics that are no numbers', async () => {
    const metrics = [
      { key: 'accuracy', value: 0.9 },
      { key: 'loss', value: 'NaN' },
    ];
    answerEach(200, JSON.stringify({ run: { data: { metrics } } }));
    expect(await registry.metrics('r')).toEqual({ accuracy: 0.9 });
  });

  it('streams an artifact of the run', async () => {
    put('a/1', { 'x/ä b.bin': 'hello' });
    expect(await textOf('x/ä b.bin')).toBe('hello');
  });

  it('keeps the path of its address, as behind a proxy', async () => {
    const { url } = mlflow;
    Object.assign(mlflow, { url: `${url}/mlflow` });
    answerEach(200, '{}');
    await open().models();
    expect(mlflow.asked[0]).toMatch(/^\/mlflow\/api\/2\.0\/mlflow\/registered-models\/search\?/);
  });
});

describe('the token', () => {
  it('is read for each call, and shown to the server alone', async () => {
    const root = tempDir({ token: 'first\n' });
    const client = open({ token_file: 'token' }, root);
    await client.version('a', '1');
    writeText(join(root, 'token'), 'second');
    answerEach(403, JSON.stringify({ message: 'no' }));
    await expect(client.models()).rejects.toThrow(/^MLflow: registered-models\/search: status 403: no$/);
    expect(mlflow.headers.map(({ authorization }) => authorization)).toEqual([
      'Bearer first',
      'Bearer second',
    ]);
  });

  it.each(['two\nlines', 'naïve', ''])('%j is refused without being quoted', async (token) => {
    const client = open({ token_file: 'token' }, tempDir({ token }));
    const error = await client.models().catch((cause: unknown) => cause);
    expect(String(error)).toContain('registry.token_file: expected a token');
    if (token) expect(String(error)).not.toContain(token.slice(0, 3));
    expect(mlflow.asked).toEqual([]);
  });
});

describe('an MLflow that misbehaves', () => {
  it.each([
    ['a page of text', 200, '<html>'],
    ['JSON of another form', 200, '{"model_versions":[{"name":1}]}'],
    ['an answer without an end', 200, ' '.repeat(9 * 2 ** 20)],
  ])('is refused: %s', async (_, status, text) => {
    answerEach(status, text);
    await expect(registry.versions()).rejects.toMatchObject({ kind: 'wrong' });
  });

  it('leads to no other host', async () => {
    let visits = 0;
    const other = createServer((_, response) => {
      visits += 1;
      response.end('{}');
    });
    other.listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    mlflow.intercept = (_, response) => {
      const { port } = other.address() as { port: number };
      response.writeHead(302, { location: `http://127.0.0.1:${port}/` }).end();
      return true;
    };
    await expect(registry.versions()).rejects.toMatchObject({ kind: 'wrong', status: 302 });
    await expect(textOf('x')).rejects.toMatchObject({ kind: 'wrong', status: 302 });
    expect(visits).toBe(0);
  });

  it('is asked once more after a failure, and not after a refusal', async () => {
    answerEach(500, 'down');
    await expect(registry.models()).rejects.toMatchObject({ kind: 'unavailable', status: 500 });
    expect(mlflow.asked).toHaveLength(2);
    answerEach(400, '{"message":"bad\\u001b[31m name"}');
    await expect(registry.setAlias('a', 'b', '1')).rejects.toThrow('status 400: bad\\u001b[31m name');
    expect(mlflow.asked).toHaveLength(3);
  });

  it('is left alone for a while after failures in a row', async () => {
    answerEach(500, 'down');
    for (let i = 0; i < 3; i += 1) await registry.models().catch(() => {});
    const { length } = mlflow.asked;
    await expect(registry.models()).rejects.toThrow('failures just before');
    expect(mlflow.asked).toHaveLength(length);
  });

  it('is not waited for when it does not answer', async () => {
    mlflow.intercept = () => true;
    const client = open({ timeout_ms: 50 });
    await expect(client.models()).rejects.toMatchObject({ kind: 'unavailable' });
    await expect(textOf('x', 100, client)).rejects.toThrow('no answer in time');
  });

  it('cannot stretch a download by sending single bytes', async () => {
    let timer: NodeJS.Timeout | undefined;
    onTestFinished(() => clearInterval(timer));
    mlflow.intercept = (_, response) => {
      timer = setInterval(() => response.write('x'), 5);
      return true;
    };
    const slow = textOf('x', 2 ** 15, open({ timeout_ms: 50 }));
    await expect(slow).rejects.toMatchObject({ kind: 'unavailable' });
  });

  it('cannot hold a large download by sending no more bytes', async () => {
    mlflow.intercept = (_, response) => {
      response.writeHead(200).write('half');
      return true;
    };
    // An hour, by its size.
    const stalled = textOf('x', 3600 * 2 ** 20, open({ timeout_ms: 50 }));
    await expect(stalled).rejects.toThrow('no answer in time');
  });

  it('may wait for a reader that is slower than its limit', async () => {
    put('a/1', { x: 'hello' });
    const client = open({ timeout_ms: 50 });
    const version = { model: 'a', version: '1', createdAtMs: 1, runId: 'a/1', tags: {} };
    const limits = { maxBytes: 3600 * 2 ** 20, signal: never };
    for await (const _ of client.download(version, 'x', limits)) await setTimeout(100);
  });

  it('sends no more of a file than was expected', async () => {
    put('a/1', { x: 'hello' });
    await expect(textOf('x', 4)).rejects.toMatchObject({ kind: 'wrong' });
    expect(await textOf('x', 5)).toBe('hello');
  });

  it('fails a download that is cut', async () => {
    mlflow.intercept = (_, response) => {
      response.writeHead(200, { 'content-length': 10 }).write('half', () => response.destroy());
      return true;
    };
    await expect(textOf('x')).rejects.toMatchObject({ kind: 'unavailable' });
  });

  it('is given up with the caller', async () => {
    mlflow.intercept = () => true;
    const reason = new Error('not wanted any more');
    await expect(registry.models(AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});
