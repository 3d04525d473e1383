import { execFileSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@headgate/testkit/folders';
import { httpClient } from '@headgate/testkit/http';
import { samplePhoto } from '@headgate/testkit/photos';
import { postPhoto } from '@headgate/testkit/predict';
import { ROOT } from '@headgate/testkit/root';
import { startStack } from '@headgate/testkit/stack';
import { expect, it, onTestFinished } from 'vitest';
import { runHeadgate } from './harness/run-headgate.ts';

/** A network as torchvision exports it, made by the tests of the importer. */
const MAKE = `
import sys
from pathlib import Path
from tests.importer.graphs import STYLES, convnet, save
save(convnet(STYLES["torchvision"]), Path(sys.argv[1]))
`;

it('a model that the service has never seen is imported, routed and asked, and stays while it is routed', async () => {
  const dir = tempDir();
  const models = join(dir, 'models');
  for (const model of ['efficientnet-lite0', 'digits'])
    cpSync(join(ROOT, 'models', model), join(models, model), { recursive: true });
  const file = join(dir, 'net.onnx');
  execFileSync(join(ROOT, '.venv/bin/python'), ['-c', MAKE, file], { cwd: join(ROOT, 'pipelines') });
  const stack = await startStack({ env: { HEADGATE_INFERENCE__MODELS_DIR: models } });
  onTestFinished(async () => void (await stack.stop()));
  const headgate = async (...argv: string[]) => {
    const { code, out, err } = await runHeadgate(stack, [...argv, '--json'], {
      ...process.env,
      HEADGATE_INFERENCE__MODELS_DIR: models,
    });
    return { code, err, result: out === '' ? undefined : JSON.parse(out) };
  };

  const imported = await headgate('models', 'import', file, '--name', 'net', '--route', '100');
  expect(imported.result, imported.err).toMatchObject({ version: '1', routed: { ready: 1, pods: 1 } });
  const reference = imported.result.samples[0];
  const client = httpClient(stack.ready.gateway);
  onTestFinished(() => client.close());
  const answer = await postPhoto(client, samplePhoto(reference.file), {
    key: stack.ready.keys.bench,
    path: '/v1/models/net/predict',
  });
  const { predictions } = JSON.parse(String(answer.text));
  expect(predictions[0].top[0].label).toBe(reference.top[0].label);
  expect(predictions[0].top[0].score).toBeCloseTo(reference.top[0].score, 1);

  expect(await headgate('models', 'verify', 'net/1')).toMatchObject({
    code: 0,
    result: [{ loaded: { compared: 5 } }],
  });
  expect((await headgate('models', 'remove', 'net/1', '--yes')).code).toBe(5);
  await headgate('models', 'import', file, '--name', 'net');
  expect((await headgate('models', 'remove', 'net/2', '--yes')).code).toBe(0);
  const { result } = await headgate('models', 'list');
  expect(
    result.versions.map((one: { model: string; version: string }) => `${one.model}/${one.version}`),
  ).toEqual(expect.arrayContaining(['digits/1', 'net/1']));
});
