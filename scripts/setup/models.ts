import { join } from 'node:path';
import { runCommand } from './command.mjs';
import type { Step } from './runner.mjs';

const MODEL = 'models/efficientnet-lite0';

/** Converts the published checkpoint into both model versions and puts the sample photos in place. */
export const modelsStep: Step = {
  name: 'models',
  title: 'models and sample photos',
  inputs: ['pipelines/src/headgate_pipelines/convert'],
  outputs: [
    ...['1', '2'].flatMap((version) => [
      `${MODEL}/${version}/model.onnx`,
      `${MODEL}/${version}/manifest.yaml`,
    ]),
    'samples/chelsea.png',
  ],
  run: async ({ root, signal, guard, logFile, progress }) => {
    await runCommand(
      join(root, '.venv/bin/python'),
      ['-m', 'headgate_pipelines.convert.main', '--root', '.'],
      {
        cwd: root,
        // ONNX Runtime sends usage data to its maker unless this is set.
        env: { ORT_DISABLE_TELEMETRY: '1', PYTHONPATH: join(root, 'pipelines/src') },
        signal,
        guard,
        logFile,
        onLine: progress,
        timeoutMs: 20 * 60_000,
      },
    );
  },
  remedy: 'delete .venv and run the same command again; state/logs/setup-models.log has the whole output',
};
