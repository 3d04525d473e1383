import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TAG } from '@headgate/contracts/registry';
import { freePort } from '@headgate/testkit/ports';
import { ROOT } from '@headgate/testkit/root';
import { type Daemon, startInFolder } from '@headgate/testkit/services/daemon';

const MANIFEST = 'manifest.yaml';
const COMMAND = join(ROOT, 'pipelines/.venv/bin/mlflow');
/** It imports for ten seconds where it has a core of its own. */
const READY_WITHIN_MS = 120_000;

export interface PublishOptions {
  /** Changes a file before it is logged, as a poisoned artefact would be. */
  readonly change?: (path: string, bytes: Buffer) => Buffer;
  /** False: stops before the tag, as a registration that was interrupted. */
  readonly complete?: boolean;
}

/** What tests read of its answers. */
export interface Answer {
  readonly run: { readonly info: { readonly run_id: string; readonly artifact_uri: string } };
  readonly model_version: { readonly version: string; readonly source: string };
}

/** A real MLflow server on a free port of the loopback interface, with SQLite and a folder of artifacts. */
export interface TestMlflow extends Daemon {
  readonly url: string;
  /** Registers the files of a version folder in the order of pipelines. @returns the version that MLflow gave it */
  publish(model: string, folder: string, options?: PublishOptions): Promise<string>;
  /** A call of its REST interface. @throws Error with its answer unless that is good */
  call(method: string, path: string, body?: unknown): Promise<Answer>;
  /** Logs a file of a registered version again. */
  replace(model: string, version: string, path: string, bytes: Uint8Array): Promise<void>;
}

/** Close it after the tests. @throws Error when it is not installed or not ready in time */
export async function startMlflow(): Promise<TestMlflow> {
  if (!existsSync(COMMAND)) throw new Error(`${COMMAND} is missing; npm run setup makes it`);
  const dir = mkdtempSync(join(tmpdir(), 'headgate-mlflow-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const daemon = await startInFolder({
    command: COMMAND,
    args: [
      'server',
      ...['--backend-store-uri', `sqlite:///${join(dir, 'mlflow.db')}`],
      ...['--artifacts-destination', join(dir, 'artifacts')],
      ...['--host', '127.0.0.1', '--port', String(port), '--workers', '1'],
    ],
    cwd: dir,
    env: { MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false' },
    user: {},
    port,
    logFile: join(dir, 'mlflow.log'),
    stopSignal: 'SIGTERM',
    readyWithinMs: READY_WITHIN_MS,
    isReady: () =>
      fetch(`${url}/health`)
        .then(({ ok }) => ok)
        .catch(() => false),
  });
  return { ...daemon, url, ...publisher(url) };
}

/** What of its HTTP interface tests call. */
function mlflowApi(url: string) {
  const send = async (
    method: string,
    path: string,
    type: string,
    body?: string | Uint8Array<ArrayBuffer>,
  ) => {
    const answer = await fetch(`${url}/api/2.0/${path}`, {
      method,
      ...(body && { body, headers: { 'content-type': type } }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return (text === '' ? {} : JSON.parse(text)) as Answer;
  };
  return {
    call: (method: string, path: string, body?: unknown) =>
      send(
        method,
        `mlflow/${path}`,
        'application/json',
        body === undefined ? undefined : JSON.stringify(body),
      ),
    /** @param root `mlflow-artifacts:/…` of a run, or of a version in it */
    log(root: string, path: string, bytes: Uint8Array) {
      const target = `mlflow-artifacts/artifacts/${root.replace('mlflow-artifacts:/', '')}/${path}`;
      return send('PUT', target, 'application/octet-stream', new Uint8Array(bytes));
    },
  };
}

function publisher(url: string): Pick<TestMlflow, 'publish' | 'call' | 'replace'> {
  const { call, log } = mlflowApi(url);
  return {
    call,
    async replace(model, version, path, bytes) {
      const query = new URLSearchParams({ name: model, version });
      const { model_version } = await call('GET', `model-versions/get?${query}`);
      await log(model_version.source, path, bytes);
    },
    async publish(model, folder, { change = unchanged, complete = true }: PublishOptions = {}) {
      const { run } = await call('POST', 'runs/create', { experiment_id: '0', start_time: Date.now() });
      const source = `${run.info.artifact_uri}/version`;
      for (const path of readdirSync(folder)) {
        if (path !== MANIFEST) await log(source, path, change(path, readFileSync(join(folder, path))));
      }
      await call('POST', 'registered-models/create', { name: model }).catch(() => {});
      const named = { name: model, source, run_id: run.info.run_id };
      const { model_version } = await call('POST', 'model-versions/create', named);
      const { version } = model_version;
      const text = readFileSync(join(folder, MANIFEST), 'utf8');
      const manifest = Buffer.from(text.replace(/^version: .*$/m, `version: "${version}"`));
      await log(source, MANIFEST, change(MANIFEST, manifest));
      if (!complete) return version;
      const value = createHash('sha256').update(manifest).digest('hex');
      const tag = { name: model, version, key: TAG.manifest, value };
      await call('POST', 'model-versions/set-tag', tag);
      return version;
    },
  };
}

const unchanged: NonNullable<PublishOptions['change']> = (_, bytes) => bytes;
