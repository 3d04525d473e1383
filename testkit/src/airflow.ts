import { eventually } from './eventually.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
/** Airflow reads a new workspace after minutes, and a run starts processes that import for seconds. */
const WITHIN_MS = 600_000;
const EVERY_MS = 1000;
/** A try that failed may be repeated; these do not change any more. */
const FAILED = ['failed', 'upstream_failed', 'skipped'];
const ENDS = ['success', 'failed'];
/** What an error shows of the log of a failed task. */
const LAST_LINES = 30;

interface Task {
  readonly task_id: string;
  readonly state: string | null;
  readonly try_number: number;
}

interface TaskLog {
  readonly content: readonly { readonly event: string }[];
}

/** One run of a DAG, as a person at Airflow's page follows it. */
export interface DagRun {
  /** Waits for the state of a task. @throws Error when it, or one before it, failed */
  until(task: string, state: string, withinMs?: number): Promise<void>;
  /** Presses Approve, as often as the run asks for it. @throws Error when a task failed before */
  approve(): Promise<void>;
  /** @returns the state of each task when the run has ended */
  ended(): Promise<Record<string, string | null>>;
}

export interface Airflow {
  /** Switches a DAG on and starts a run of it, once Airflow has read the DAG. */
  start(dag: string): Promise<DagRun>;
}

/** Logs in as `admin`. @param url without a path at its end */
export async function airflowAt(url: string, password: string, signal?: AbortSignal): Promise<Airflow> {
  const call = async (method: string, path: string, body?: object, more = {}) => {
    const headers = { ...JSON_TYPE, ...more };
    const options = {
      method,
      headers,
      ...(signal && { signal }),
      ...(body && { body: JSON.stringify(body) }),
    };
    const answer = await fetch(`${url}${path}`, options);
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return JSON.parse(text);
  };
  const { access_token } = await call('POST', '/auth/token', { username: 'admin', password });
  const ask: Ask = (method, path, body) =>
    call(method, `/api/v2/dags/${path}`, body, { authorization: `Bearer ${access_token}` });
  return {
    async start(dag) {
      const start = async () => {
        await ask('PATCH', `${dag}?update_mask=is_paused`, { is_paused: false });
        return ask<{ dag_run_id: string }>('POST', `${dag}/dagRuns`, { logical_date: null });
      };
      const { dag_run_id } = await eventually(start, waitFor(`a run of ${dag}`));
      return runAt(ask, `${dag}/dagRuns/${dag_run_id}`);
    },
  };
}

type Ask = <T>(method: string, path: string, body?: object) => Promise<T>;

function runAt(ask: Ask, run: string): DagRun {
  const tasks = async () =>
    (await ask<{ task_instances: readonly Task[] }>('GET', `${run}/taskInstances`)).task_instances;
  const lastLines = async ({ task_id, try_number }: Task) => {
    const { content } = await ask<TaskLog>('GET', `${run}/taskInstances/${task_id}/logs/${try_number}`);
    return content
      .slice(-LAST_LINES)
      .map(({ event }) => event)
      .join('\n');
  };
  const until: DagRun['until'] = async (task, state, withinMs) => {
    const look = async () => {
      const all = await tasks();
      const bad = all.find((one) => one.state !== null && FAILED.includes(one.state));
      return bad ?? all.find((one) => one.task_id === task && one.state === state);
    };
    const found = await eventually(look, waitFor(`${task} ${state}`, withinMs));
    if (found.task_id !== task || found.state !== state)
      throw new Error(`the task ${found.task_id} is ${found.state}:\n${await lastLines(found)}`);
  };
  return {
    until,
    async approve() {
      await until('approve', 'awaiting_input');
      const answer = { chosen_options: ['Approve'], params_input: {} };
      // Airflow may lose an answer within the second in which the task parked, and asks again in the next try.
      const press = async () => {
        const state = (await tasks()).find(({ task_id }) => task_id === 'approve')?.state;
        if (state === 'awaiting_input')
          await ask('PATCH', `${run}/taskInstances/approve/-1/hitlDetails`, answer);
        return state === 'success';
      };
      await eventually(press, waitFor('an approval that counts'));
    },
    async ended() {
      const hasEnded = async () => ENDS.includes((await ask<{ state: string }>('GET', run)).state);
      await eventually(hasEnded, waitFor(`the end of ${run}`));
      return Object.fromEntries((await tasks()).map(({ task_id, state }) => [task_id, state]));
    },
  };
}

const waitFor = (what: string, withinMs = WITHIN_MS) => ({ what, withinMs, everyMs: EVERY_MS });
