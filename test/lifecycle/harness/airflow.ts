import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '@headgate/testkit/eventually';
import { freePort } from '@headgate/testkit/ports';
import { ROOT } from '@headgate/testkit/root';
import { startInFolder } from '@headgate/testkit/services/daemon';

const FOLDER = join(ROOT, 'pipelines/airflow');
const JSON_TYPE = { 'content-type': 'application/json' };
const WITHIN_MS = 300_000;
const ENDS = ['success', 'failed'];

/** A real Airflow with the DAGs of the workspaces in a folder. */
export interface TestAirflow {
  /** Starts a run by hand, once the DAG is there. @returns its path in the API */
  trigger(dag: string): Promise<string>;
  /** Presses Approve, once the run asks for it. */
  approve(run: string): Promise<void>;
  /** @returns the state of each task when the run has ended */
  ended(run: string): Promise<Record<string, string>>;
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
    command: '/usr/bin/env',
    args: [
      ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
      ...[join(FOLDER, '.venv/bin/python'), join(FOLDER, 'run.py'), '--home', home, '--port', `${port}`],
    ],
    cwd: home,
    user: {},
    port,
    logFile: join(home, 'log'),
    stopSignal: 'SIGTERM',
    readyWithinMs: WITHIN_MS,
    isReady: () => isHealthy(url).catch(() => false),
  });
  return { ...apiOf(url, await logIn(url, home)), close: daemon.close };
}

async function isHealthy(url: string): Promise<boolean> {
  const answer = await fetch(`${url}/api/v2/monitor/health`);
  const { scheduler } = (await answer.json()) as { scheduler: { status: string } };
  return scheduler.status === 'healthy';
}

async function logIn(url: string, home: string): Promise<string> {
  const { admin } = JSON.parse(readFileSync(join(home, 'passwords.json'), 'utf8'));
  const body = JSON.stringify({ username: 'admin', password: admin });
  const answer = await fetch(`${url}/auth/token`, { method: 'POST', headers: JSON_TYPE, body });
  return ((await answer.json()) as { access_token: string }).access_token;
}

function apiOf(url: string, token: string): Omit<TestAirflow, 'close'> {
  const headers = { ...JSON_TYPE, authorization: `Bearer ${token}` };
  async function ask<T>(method: string, path: string, body?: object): Promise<T> {
    const text = body && { body: JSON.stringify(body) };
    const answer = await fetch(`${url}/api/v2/dags/${path}`, { method, headers, ...text });
    if (!answer.ok) throw new Error(`${method} ${path} was answered by ${answer.status}`);
    return (await answer.json()) as T;
  }
  const waited = <T>(what: string, look: () => Promise<T>) =>
    eventually(look, { what, withinMs: WITHIN_MS, everyMs: 500 });
  return {
    async trigger(dag) {
      const start = () => ask<{ dag_run_id: string }>('POST', `${dag}/dagRuns`, { logical_date: null });
      const { dag_run_id } = await waited(`a run of ${dag}`, start);
      return `${dag}/dagRuns/${dag_run_id}`;
    },
    async approve(run) {
      const task = `${run}/taskInstances/approve`;
      // An answer before the task waits counts only at its next look, which is minutes later.
      await waited(`a question of ${run}`, async () => {
        const { state } = await ask<{ state: string }>('GET', task);
        return state === 'awaiting_input';
      });
      await ask('PATCH', `${task}/-1/hitlDetails`, { chosen_options: ['Approve'], params_input: {} });
    },
    async ended(run) {
      await waited(`the end of ${run}`, async () =>
        ENDS.includes((await ask<{ state: string }>('GET', run)).state),
      );
      const { task_instances } = await ask<{ task_instances: { task_id: string; state: string }[] }>(
        'GET',
        `${run}/taskInstances`,
      );
      return Object.fromEntries(task_instances.map(({ task_id, state }) => [task_id, state]));
    },
  };
}
