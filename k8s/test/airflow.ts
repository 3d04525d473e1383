import { eventually } from '@headgate/testkit/eventually';
import { forward } from '../deploy/forward.ts';
import type { Context } from './scenario.ts';
import { readSecret } from './secrets.ts';

const PORT = 8080;
const JSON_TYPE = { 'content-type': 'application/json' };
/** A try that failed may be repeated; these do not change any more. */
const FAILED = ['failed', 'upstream_failed', 'skipped'];

interface Tasks {
  readonly task_instances: readonly { readonly task_id: string; readonly state: string | null }[];
}

/** One run of a DAG, as a person at Airflow's page starts and follows it. */
export interface DagRun {
  /** Waits for the state of a task. @throws Error when it, or one before it, failed */
  until(task: string, state: string, withinMs: number): Promise<void>;
  /** Presses the button of the task `approve`. */
  approve(): Promise<void>;
}

/** Switches a DAG on and starts a run of it. Airflow is reached by `kubectl port-forward`, with the password of its Secret. */
export async function startRun(context: Context, dag: string): Promise<DagRun> {
  const ask = await logIn(context);
  await ask('PATCH', `/dags/${dag}?update_mask=is_paused`, { is_paused: false });
  const { dag_run_id: run } = await ask<{ dag_run_id: string }>('POST', `/dags/${dag}/dagRuns`, {
    logical_date: null,
  });
  const tasks = `/dags/${dag}/dagRuns/${run}/taskInstances`;
  return {
    async until(task, state, withinMs) {
      const look = async () => {
        const { task_instances: all } = await ask<Tasks>('GET', tasks);
        const bad = all.find((one) => one.state !== null && FAILED.includes(one.state));
        if (bad) return bad;
        return all.find((one) => one.task_id === task && one.state === state);
      };
      const found = await eventually(look, { what: `${task} ${state}`, withinMs, everyMs: 2000 });
      if (found.task_id !== task || found.state !== state)
        throw new Error(`the task ${found.task_id} is ${found.state}`);
    },
    async approve() {
      await ask('PATCH', `${tasks}/approve/-1/hitlDetails`, {
        ...{ chosen_options: ['Approve'], params_input: {} },
      });
    },
  };
}

type Ask = <T>(method: string, path: string, body?: object) => Promise<T>;

async function logIn({ kube, release, signal, cleanUp }: Context): Promise<Ask> {
  const forwarded = await forward(kube, `pod/${release}-airflow-0`, PORT, signal);
  cleanUp(async () => forwarded[Symbol.asyncDispose]());
  const call = async (method: string, path: string, body?: object, more = {}) => {
    const headers = { ...JSON_TYPE, ...more };
    const options = { method, headers, signal, ...(body && { body: JSON.stringify(body) }) };
    const answer = await fetch(`http://127.0.0.1:${forwarded.port}${path}`, options);
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return JSON.parse(text);
  };
  const { 'passwords.json': passwords = '{}' } = await readSecret(kube, 'headgate-airflow');
  const person = { username: 'admin', password: JSON.parse(passwords).admin };
  const { access_token } = await call('POST', '/auth/token', person);
  return (method, path, body) =>
    call(method, `/api/v2${path}`, body, { authorization: `Bearer ${access_token}` });
}
