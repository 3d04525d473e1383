import { execFileSync } from 'node:child_process';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { within } from '@headgate/testkit/eventually';
import { closedLoad } from '@headgate/testkit/load';
import { summary } from '@headgate/testkit/stats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FrontProcess, startFront } from '../../inference/src/testing/front-process.ts';
import { expectedValue, writeLargeModel } from '../../inference/src/testing/large-model.ts';
import { ELEMENT, encodeModel } from '../../inference/src/testing/onnx-writer.ts';
import { imageRequest, SEVEN } from '../../inference/src/testing/running-inference.ts';
import { floatsOf, rawRequest, x } from '../../inference/src/testing/tensor-messages.ts';
import { manifestOf, type TensorModel } from '../../inference/src/testing/tensor-models.ts';

/** The attacker can write into the folder of the models, but has no key to sign with. The process requires signatures. */

const FULL = process.env.E2E_FULL !== undefined;
const MIB = 2 ** 20;
const { privateKey, publicKey } = generateKeyPairSync('ed25519');

/** y = x + w, for four values of w. */
const ADD: TensorModel = {
  file: 'pick',
  maxBatchSize: 1,
  inputs: [{ name: 'x', datatype: 'FP32', shape: [4] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [4] }],
};
const weightsOf = (value: number) => Buffer.from(new Float32Array(4).fill(value).buffer);
const shape = [4];
const info = { name: 'x', element: ELEMENT.FP32, shape };

let front: FrontProcess;
let temporary: string;

beforeAll(async () => {
  temporary = mkdtempSync(join(tmpdir(), 'headgate-attack-'));
  const settings = {
    HEADGATE_INFERENCE__MODELS_TRUST__REQUIRE_SIGNATURE: 'true',
    HEADGATE_INFERENCE__MODELS_TRUST__PUBLIC_KEY_FILES: '["key.pub"]',
    HEADGATE_TELEMETRY__LOG_LEVEL: 'silent',
    TMPDIR: temporary,
  };
  front = await startFront(settings, ({ dir }) => {
    writeFileSync(join(dir, 'key.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
    signFolder(join(dir, 'models/digits/1'));
  });
});
afterAll(async () => {
  await front?.stop();
  rmSync(temporary, { recursive: true, force: true });
});

function signFolder(folder: string): void {
  const signature = sign(null, readFileSync(join(folder, 'manifest.yaml')), privateKey);
  writeFileSync(join(folder, 'manifest.yaml.sig'), signature.toString('base64'));
}

/** A signed version whose weights lie in the file `weights.bin`; `hidden`: the manifest does not list that file. */
function writeAdd(folder: string, name: string, { value = 1, hidden = false } = {}): void {
  mkdirSync(folder, { recursive: true });
  const model = encodeModel({
    nodes: [{ operator: 'Add', inputs: ['x', 'w'], outputs: ['y'] }],
    inputs: [info],
    outputs: [{ ...info, name: 'y' }],
    constants: [
      {
        ...info,
        name: 'w',
        location: 'weights.bin',
        offset: 0,
        bytes: 16,
        ...(hidden && { tagBeyond: 2n ** 32n }),
      },
    ],
  });
  const fileOf = (path: string, bytes: Buffer) => {
    writeFileSync(join(folder, path), bytes);
    return { path, sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.byteLength };
  };
  const weights = fileOf('weights.bin', weightsOf(value));
  const file = { ...fileOf('model.onnx', model), external_data: hidden ? [] : [weights] };
  writeFileSync(join(folder, 'manifest.yaml'), JSON.stringify({ ...manifestOf(name, ADD), file }));
  signFolder(folder);
}

const folderOf = (name: string, version = '1') => join(front.models, name, version);
const answerOf = async (name: string) =>
  floatsOf(await front.infer(rawRequest(name, x('FP32', shape, new Float32Array(4)))), 'y')[0];
const outcomeOf = (load: Promise<unknown>) =>
  load.then(
    () => 'loaded',
    (error: Error) => error.message,
  );

/** Asks the digits model all the time while `work` goes on. */
async function othersDuring<T>(work: () => Promise<T>) {
  const load = closedLoad(2, async () => {
    const began = performance.now();
    const failed = await front.infer(imageRequest([SEVEN])).then(
      () => false,
      () => true,
    );
    const tookMs = performance.now() - began;
    await pause(5);
    return { failed, tookMs };
  });
  const result = await work().finally(() => load.stop());
  const calls = load.samples.map((sample) => sample.result);
  const latencies = calls.map(({ tookMs }) => tookMs);
  const worst = Math.max(...latencies);
  const failed = calls.filter((call) => call.failed).length;
  const text = `${calls.length} calls, ${summary(latencies)}, worst ${worst.toFixed(0)} ms`;
  return { result, failed, worst, text };
}

describe('where signatures are required', () => {
  it('a version folder that is turned while it loads never serves what is not signed', async () => {
    const [good, evil] = [join(front.models, '../good'), join(front.models, '../evil')];
    writeAdd(good, 'turned');
    cpSync(good, evil, { recursive: true });
    // The same manifest and signature, another model and other weights.
    writeAdd(join(evil, 'made'), 'turned', { value: 666 });
    for (const file of ['model.onnx', 'weights.bin']) renameSync(join(evil, 'made', file), join(evil, file));
    mkdirSync(dirname(folderOf('turned')), { recursive: true });
    symlinkSync(good, folderOf('turned'));
    const turner = new Worker(TURN, { eval: true, workerData: { path: folderOf('turned'), good, evil } });
    const answers = new Map<unknown, number>();
    const until = performance.now() + (FULL ? 60_000 : 6_000);
    try {
      while (performance.now() < until) {
        const outcome = await outcomeOf(front.load('turned', ['1']));
        const key = outcome === 'loaded' ? await answerOf('turned') : 'refused';
        answers.set(key, (answers.get(key) ?? 0) + 1);
      }
    } finally {
      await turner.terminate();
    }
    console.info('turned link:', Object.fromEntries(answers));
    expect([...answers.keys()].filter((key) => key !== 1 && key !== 'refused')).toEqual([]);
  });

  it('external data that is hidden behind a tag of 37 bits is refused, and is not read', async () => {
    writeAdd(folderOf('hidden'), 'hidden', { hidden: true });
    const outcome = await outcomeOf(front.load('hidden', ['1']));
    if (outcome === 'loaded') {
      const before = await answerOf('hidden');
      writeFileSync(join(folderOf('hidden'), 'weights.bin'), weightsOf(666));
      console.info('hidden external data:', before, '->', await answerOf('hidden'));
    }
    expect(outcome).toMatch(/model\.onnx is not a readable ONNX file/);
  });

  it('no write reaches a version that serves', async () => {
    writeAdd(folderOf('written'), 'written');
    await front.load('written', ['1']);
    const engines = front.engines();
    expect(await answerOf('written')).toBe(1);
    for (const file of ['weights.bin', 'model.onnx']) {
      writeFileSync(join(folderOf('written'), file), weightsOf(666));
    }
    const until = performance.now() + 2500;
    while (performance.now() < until) expect(await answerOf('written')).toBe(1);
    expect(front.engines()).toEqual(engines);
  });
});

describe('while others ask for another model', () => {
  beforeAll(async () => {
    const quiet = await othersDuring(() => pause(1500));
    console.info(`without an attack: ${quiet.text}`);
  });

  it.each<[string, (folder: string) => void]>([
    ['a manifest of 15 MB', (folder) => writeSigned(folder, 'x: y\n'.repeat(3_000_000).slice(0, 15e6))],
    ['a manifest of 65,000 keys', (folder) => writeSigned(folder, '? '.repeat(32_000))],
    ['a manifest of 20,000 mistakes', (folder) => writeSigned(folder, '}'.repeat(20_000))],
    ['a manifest of brackets', (folder) => writeSigned(folder, '['.repeat(65_000))],
    ['a pipe as manifest', (folder) => makePipe(join(folder, 'manifest.yaml'))],
    ['a device as manifest', (folder) => linkTo(join(folder, 'manifest.yaml'), '/dev/zero')],
    ['a file of the kernel as manifest', (folder) => linkTo(join(folder, 'manifest.yaml'), '/proc/kallsyms')],
    ['a device as signature', (folder) => linkTo(join(folder, 'manifest.yaml.sig'), '/dev/zero')],
    ['a pipe as signature', (folder) => makePipe(join(folder, 'manifest.yaml.sig'))],
    ['a device as labels', (folder) => linkTo(join(folder, 'labels.json'), '/dev/zero')],
    ['a pipe as labels', (folder) => makePipe(join(folder, 'labels.json'))],
    ['labels of a gigabyte', (folder) => truncateSync(join(folder, 'labels.json'), 2 ** 30)],
    ['a pipe as model', (folder) => makePipe(join(folder, 'model.onnx'))],
    ['a device as model', (folder) => linkTo(join(folder, 'model.onnx'), '/dev/zero')],
    [
      'a model of a terabyte without a byte on disk',
      (folder) => truncateSync(join(folder, 'model.onnx'), 2 ** 40),
    ],
    ['a pipe as version', (folder) => makePipe(folder)],
  ])('%s is refused at once, and nobody else fails', async (name, spoil) => {
    const model = name.replaceAll(/[ ,]/g, '-');
    const folder = folderOf(model);
    cpSync(folderOf('digits'), folder, { recursive: true });
    const manifest = readFileSync(join(folder, 'manifest.yaml'), 'utf8');
    writeFileSync(join(folder, 'manifest.yaml'), manifest.replace('name: digits', `name: ${model}`));
    signFolder(folder);
    spoil(folder);
    const others = await othersDuring(() =>
      outcomeOf(within(front.load(model, ['1']), { what: 'the load', withinMs: 20_000 })),
    );
    console.info(`${name}: ${others.text}`);
    expect(others.result).not.toMatch(/^loaded$|^the load: not within/);
    expect(others.failed).toBe(0);
    expect(others.worst).toBeLessThan(2000);
    rmSync(dirname(folder), { recursive: true });
  });

  it('a repository of 1,000 versions is listed, and nobody else fails', async () => {
    for (let version = 1; version <= 1000; version += 1) {
      mkdirSync(folderOf('many', String(version)), { recursive: true });
      cpSync(
        join(folderOf('digits'), 'manifest.yaml'),
        join(folderOf('many', String(version)), 'manifest.yaml'),
      );
    }
    const others = await othersDuring(async () => {
      for (let i = 0; i < 5; i += 1) await front.reasons();
      return outcomeOf(front.load('many'));
    });
    console.info(`1,000 versions: ${others.text}`);
    expect(others.result).toMatch(/manifest\.yaml\.sig is missing/);
    expect(others.failed).toBe(0);
  });

  it(`a version with ${FULL ? 1024 : 96} MiB of external data loads, and nobody else fails`, async () => {
    const bytes = (FULL ? 1024 : 96) * MIB;
    signFolder(writeLargeModel(front.models, { name: 'large', version: '1', bytes }));
    const others = await othersDuring(() => front.load('large', ['1']));
    console.info(`large version: ${others.text}`);
    expect(others.failed).toBe(0);
    const index = BigInt64Array.of(5n);
    const answer = await front.infer(
      rawRequest('large', { name: 'index', datatype: 'INT64', shape: [1], values: index }),
    );
    expect(floatsOf(answer, 'y')[3]).toBe(expectedValue('1', 5, 3));
  });
});

describe('copies of external data', () => {
  const copies = () => readdirSync(temporary).filter((name) => name.startsWith('headgate-weights-'));

  it('lie where nobody else can look, and go with the version', async () => {
    for (const name of ['turned', 'written', 'large']) await outcomeOf(front.unload(name));
    await expect.poll(copies, { timeout: 10_000 }).toEqual([]);
    writeAdd(folderOf('copied'), 'copied');
    await front.load('copied', ['1']);
    const [folder = ''] = copies();
    expect(statSync(join(temporary, folder)).mode & 0o777).toBe(0o700);
    expect(readdirSync(join(temporary, folder))).toEqual(['weights.bin']);
    await front.unload('copied');
    await expect.poll(copies, { timeout: 10_000 }).toEqual([]);
  });

  it('go with the engines when the front is killed', async () => {
    await front.load('copied', ['1']);
    expect(copies()).toHaveLength(1);
    process.kill(front.pid, 'SIGKILL');
    await expect.poll(copies, { timeout: 10_000 }).toEqual([]);
  });
});

function writeSigned(folder: string, text: string): void {
  writeFileSync(join(folder, 'manifest.yaml'), text);
  signFolder(folder);
}

function makePipe(path: string): void {
  rmSync(path, { recursive: true });
  execFileSync('mkfifo', [path]);
}

function linkTo(path: string, target: string): void {
  rmSync(path);
  symlinkSync(target, path);
}

/** Turns a link between two folders, some thousand times a second. */
const TURN = `
const { renameSync, symlinkSync } = require('node:fs');
const { workerData: { path, good, evil } } = require('node:worker_threads');
for (let i = 0; ; i += 1) {
  symlinkSync(i % 2 ? good : evil, path + '.new');
  renameSync(path + '.new', path);
  const until = performance.now() + Math.random() * 6;
  while (performance.now() < until);
}`;
