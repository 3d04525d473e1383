import { cpSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExperimentReport } from '@headgate/contracts/admin/api';
import { isActive, type Rollout } from '@headgate/contracts/rollout';
import { parseYaml } from '@headgate/runtime/parse-yaml';
import { eventually } from '@headgate/testkit/eventually';
import { ROOT } from '@headgate/testkit/root';
import { stringify } from 'yaml';
import { type Pipelines, pipelinesFor } from './pipelines.ts';
import { MODEL, type Services, startServices } from './services.ts';
import { seconds, Timeline } from './timeline.ts';
import { inWords, type Labelled, labelledImages, startTraffic } from './traffic.ts';

export interface CircleOptions {
  /** Empty folder of this run: workspace, pictures, models, reports. */
  readonly dir: string;
  readonly size: Size;
  readonly say: (line: string) => void;
  /** Ends the run before its next step, and the command in progress. */
  readonly signal: AbortSignal;
}

/** How much of everything. */
export interface Size {
  /** Pictures to train on and judge by; at most 1,347. */
  readonly pictures: number;
  readonly perSecond: number;
  /** Also drift, retraining, and the models that are refused and rolled back. */
  readonly whole: boolean;
}

/** As the demo shows it. */
export const WHOLE: Size = { pictures: 1200, perSecond: 25, whole: true };
/** For `npm test`. */
export const REDUCED: Size = { pictures: 500, perSecond: 25, whole: false };

/** The model that is served at first knows white on black; these are photos of ink on paper. */
const TODAY = ['--invert'];
/** Later it gets dark. */
const LATER = ['--invert', '--brightness', '0.3'];
const SEEN_IN_TRAINING = 1347;
const BAD_VERSION = '99';
const STAGED_WITHIN_S = '120';
/** Answers before, between and after two rollbacks. */
const AROUND = 50;

/** Two steps: a few units at first, then half of them until a person promotes. */
const POLICY = {
  steps: [
    { weight: 10, hold_s: 5, min_samples: 20 },
    { weight: 50, hold_s: 5, min_samples: 100, approval: 'manual' },
    { weight: 100, hold_s: 3, min_samples: 20 },
  ],
  guardrails: [{ metric: 'error_rate' }, { metric: 'accuracy', max_drop: 0.05 }],
};

/** The life of a model from its data to its replacement, with real services and real pictures. */
export async function runCircle(options: CircleOptions): Promise<Timeline> {
  const { dir, size, say, signal } = options;
  const timeline = new Timeline(say, signal);
  let services: Services | undefined;
  try {
    await timeline.step('start MLflow, Envoy, gateway, inference and control', async () => {
      services = await startServices(dir);
      return `digits/1 is served at ${services.stack.ready.https ?? services.stack.ready.gateway}`;
    });
    if (!services) throw new Error('the services did not start');
    const circle = new Circle(services, options);
    for (const [name, work] of size.whole ? [...circle.first(), ...circle.second()] : circle.first())
      await timeline.step(name, work);
  } finally {
    await services?.stop();
  }
  return timeline;
}

type Step = readonly [name: string, work: () => Promise<string>];

class Circle {
  readonly #services: Services;
  readonly #pipelines: Pipelines;
  readonly #dir: string;
  readonly #size: Size;

  constructor(services: Services, { dir, size, say, signal }: CircleOptions) {
    this.#services = services;
    this.#dir = dir;
    this.#size = size;
    const { stack, mlflow } = services;
    this.#pipelines = pipelinesFor({ stack, mlflowUrl: mlflow.url, dir, say, signal });
  }

  /** From pictures to a promoted version. */
  first(): Step[] {
    return [
      ['adopt the version that is served', () => this.#adopt()],
      ['write labelled pictures, and make a workspace', () => this.#makeWorkspace()],
      ['ingest, train and evaluate (dvc repro)', () => this.#reproduce()],
      ...this.#bringOut('today'),
      ['roll back to the version of before, and forth', () => this.#rollBack()],
    ];
  }

  /** Drift, the next version, and two bad ones. */
  second(): Step[] {
    return [
      ['the pictures become darker: drift', () => this.#drift()],
      ['retrain with the new pictures (dvc repro)', () => this.#retrain()],
      ...this.#bringOut('later'),
      ['a model trained on shuffled labels is refused', () => this.#refuseShuffled()],
      [
        'the same model, put into the repository by hand, is rolled back by itself',
        () => this.#rollBackBad(),
      ],
    ];
  }

  /** From a trained version to the champion. @param folder pictures that users send meanwhile */
  #bringOut(folder: 'today' | 'later'): Step[] {
    const { run } = this.#pipelines;
    return [
      ['register', async () => lineWith('is registered', await run('register', ['--stage']))],
      [
        'deploy to staging and test',
        async () => passedTests(await run('stage', ['--within-s', STAGED_WITHIN_S])),
      ],
      ['approve, 90/10 under traffic with feedback, promote', () => this.#release(folder)],
    ];
  }

  async #adopt(): Promise<string> {
    return lineWith(
      'is registered',
      await this.#pipelines.run('adopt', [MODEL, '--models', join(ROOT, 'models'), '--champion', '1']),
    );
  }

  async #makeWorkspace(): Promise<string> {
    await this.#render('pictures', ['--last', `${this.#size.pictures}`, ...TODAY]);
    await this.#render('today', ['--first', `${SEEN_IN_TRAINING}`, ...TODAY]);
    await this.#render('later', ['--first', `${SEEN_IN_TRAINING}`, ...LATER]);
    await this.#pipelines.run('init', ['--model', MODEL, '--source', join(this.#dir, 'pictures')]);
    // The network is much larger than the one it replaces, and may take longer.
    this.#setParams((params) => ({
      ...params,
      evaluate: { ...params.evaluate, max_latency_ratio: 100 },
      drift: { ...params.drift, window_hours: 0.02 },
    }));
    return `${this.#size.pictures} pictures of ink on paper`;
  }

  #render(name: string, args: readonly string[]): Promise<string> {
    const target = join(this.#dir, name);
    return this.#pipelines.python(['-m', 'headgate_pipelines.data.digits', target, ...args]);
  }

  async #reproduce(): Promise<string> {
    await this.#pipelines.program('dvc', ['repro']);
    const { workspace } = this.#pipelines;
    const { verdict, candidate } = JSON.parse(
      readFileSync(join(workspace, 'evaluation/metrics.json'), 'utf8'),
    );
    return `${verdict}: ${points(candidate.accuracy)} % right; report: ${join(workspace, 'evaluation/report.html')}`;
  }

  async #release(folder: 'today' | 'later'): Promise<string> {
    const { ask, stack } = this.#services;
    const traffic = startTraffic({ ...this.#load(folder), stack });
    const policy = join(this.#dir, 'policy.json');
    writeFileSync(policy, JSON.stringify(POLICY));
    const released = this.#pipelines.run('release', ['--approved', '--policy', policy, '--why', 'the demo']);
    released.catch(() => undefined);
    try {
      const rollout = await eventually(
        async () => {
          const { rollouts } = await ask<{ rollouts: Rollout[] }>('GET', '/rollouts');
          return rollouts.find((one) => isActive(one) && one.state.kind === 'awaiting_approval');
        },
        { what: 'a rollout that waits for promotion', withinMs: 120_000 },
      );
      const verdict = await this.#significance();
      await ask('POST', `/rollouts/${rollout.id}/promote`, { why: verdict });
      await released;
      return `${verdict} ${inWords(await traffic.stop())}`;
    } finally {
      await traffic.stop();
    }
  }

  /** The sentence of the report once the accuracy of the candidate is significantly better. */
  #significance(): Promise<string> {
    return eventually(
      async () => {
        const report = await this.#services.ask<ExperimentReport>('GET', `/experiments/${MODEL}`);
        const accuracy = report.metrics.find(({ metric }) => metric === 'accuracy')?.comparisons[0];
        if (accuracy?.verdict !== 'better') return undefined;
        const { difference, low, high } = accuracy;
        return `accuracy +${points(difference)} points (${points(low)} to ${points(high)}).`;
      },
      { what: 'a significant difference', withinMs: 180_000, everyMs: 1000 },
    );
  }

  async #rollBack(): Promise<string> {
    const { ask, stack } = this.#services;
    const traffic = startTraffic({ ...this.#load('today'), stack });
    const path = `/models/${MODEL}/rollback`;
    const more = (count: number) => {
      const wanted = traffic.answered.length + count;
      const options = { what: `${count} more answers`, withinMs: 60_000 };
      return eventually(() => traffic.answered.length >= wanted, options);
    };
    await more(AROUND);
    const back = await ask<{ from: string; to: string; took_ms: number }>('POST', path, { why: 'the demo' });
    await more(AROUND);
    const forth = await ask<{ took_ms: number }>('POST', path, { to: back.from, why: 'the demo' });
    await more(AROUND);
    const answered = await traffic.stop();
    const failed = answered.filter(({ status }) => status !== 200).length;
    if (failed > 0) throw new Error(`${failed} of ${answered.length} requests failed during the rollback`);
    const took = `${seconds(back.took_ms)}, and back in ${seconds(forth.took_ms)}`;
    return `version ${back.from} to ${back.to} in ${took}; 0 of ${answered.length} requests failed`;
  }

  async #drift(): Promise<string> {
    const traffic = startTraffic({ ...this.#load('later'), stack: this.#services.stack });
    await eventually(() => traffic.answered.length >= 400, { what: '400 dark pictures', withinMs: 120_000 });
    await traffic.stop();
    const report = join(this.#pipelines.workspace, 'reports/drift.json');
    await eventually(
      async () => {
        await this.#pipelines.run('drift', ['--trigger']);
        return JSON.parse(readFileSync(report, 'utf8')).triggered === true;
      },
      { what: 'drift that asks for a new training', withinMs: 60_000, everyMs: 2000 },
    );
    return `drift; report: ${report.replace('.json', '.html')}`;
  }

  async #retrain(): Promise<string> {
    await this.#render('dark', ['--last', `${this.#size.pictures}`, ...LATER]);
    const [from, to] = [join(this.#dir, 'dark'), join(this.#dir, 'pictures')];
    for (const label of readdirSync(from))
      for (const file of readdirSync(join(from, label)))
        renameSync(join(from, label, file), join(to, label, `dark-${file}`));
    return this.#reproduce();
  }

  async #refuseShuffled(): Promise<string> {
    const { run } = this.#pipelines;
    await run('train', ['--shuffle-labels']);
    await run('evaluate');
    return lineWith('accuracy', await run('register', ['--stage'], 2));
  }

  async #rollBackBad(): Promise<string> {
    const { ask, stack, modelsDir } = this.#services;
    const target = join(modelsDir, MODEL, BAD_VERSION);
    rmSync(target, { recursive: true, force: true });
    cpSync(this.#pipelines.workspace.concat('/version'), target, { recursive: true });
    const manifest = join(target, 'manifest.yaml');
    const document = parseYaml(readFileSync(manifest, 'utf8')) as object;
    writeFileSync(manifest, stringify({ ...document, version: BAD_VERSION }));
    const traffic = startTraffic({ ...this.#load('later'), stack });
    try {
      const start = { model: MODEL, version: BAD_VERSION, policy: POLICY };
      const { id } = await ask<Rollout>('POST', '/rollouts', start);
      const ended = await eventually(
        async () => {
          const rollout = await ask<Rollout>('GET', `/rollouts/${id}`);
          return isActive(rollout) ? undefined : rollout;
        },
        { what: 'the end of the rollout', withinMs: 120_000, everyMs: 200 },
      );
      if (ended.state.kind !== 'rolled_back') throw new Error(`the bad version was ${ended.state.kind}`);
      return `by ${ended.state.by}: ${ended.state.why}`;
    } finally {
      await traffic.stop();
    }
  }

  #load(folder: 'today' | 'later') {
    const images: Labelled[] = labelledImages(join(this.#dir, folder));
    return { model: MODEL, images, perSecond: this.#size.perSecond };
  }

  #setParams(change: (params: Record<string, Record<string, unknown>>) => object): void {
    const file = join(this.#pipelines.workspace, 'params.yaml');
    const params = parseYaml(readFileSync(file, 'utf8')) as Record<string, Record<string, unknown>>;
    writeFileSync(file, stringify(change(params)));
  }
}

const points = (share: number | null) => (100 * (share ?? 0)).toFixed(1);

/** @throws Error when no line has it */
function lineWith(text: string, output: string): string {
  const line = output.split('\n').find((one) => one.includes(text));
  if (line === undefined) throw new Error(`expected a line with "${text}" in:\n${output}`);
  return line.trim();
}

/** @throws Error when none passed */
function passedTests(output: string): string {
  const { length } = output.split('\n').filter((line) => line.startsWith('passed'));
  if (length === 0) throw new Error(`no test passed in:\n${output}`);
  return `${length} tests passed`;
}
