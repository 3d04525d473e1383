import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Airflow, airflowAt } from '@headgate/testkit/airflow';
import { freePort } from '@headgate/testkit/ports';
import { ROOT } from '@headgate/testkit/root';
import { startInFolder } from '@headgate/testkit/services/daemon';

const FOLDER = join(ROOT, 'pipelines/airflow');
const READY_WITHIN_MS = 300_000;

/** A real Airflow with the DAGs of the workspaces in a folder. */
export interface TestAirflow extends Airflow {
  close(): Promise<void>;
}

/** @param home its folder, removed by `close` @param env what the commands need, and HEADGATE_WORKSPACES */
export async function startAirflow(
  home: string,
  env: Readonly<Record<string, string>>,
): Promise<TestAirflow> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  mkdirSync(home, { recursive: true });
  const daemon = await startInFolder({
    command: join(FOLDER, '.venv/bin/python'),
    args: [join(FOLDER, 'run.py'), '--home', home, '--port', `${port}`],
    cwd: home,
    env,
    user: {},
    port,
    logFile: join(home, 'log'),
    stopSignal: 'SIGTERM',
    readyWithinMs: READY_WITHIN_MS,
    isReady: () => isHealthy(url).catch(() => false),
  });
  const { admin } = JSON.parse(readFileSync(join(home, 'passwords.json'), 'utf8'));
  return { ...(await airflowAt(url, admin)), close: daemon.close };
}

async function isHealthy(url: string): Promise<boolean> {
  const answer = await fetch(`${url}/api/v2/monitor/health`);
  const { scheduler } = (await answer.json()) as { scheduler: { status: string } };
  return scheduler.status === 'healthy';
}
