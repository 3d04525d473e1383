import type { ModelStatistics } from '@headgate/contracts/gen/grpc/inference/ModelStatistics';
import type { DispatchObserver } from '../dispatch.ts';
import type { ItemResult } from '../item.ts';
import type { Deployment } from '../models/deployment.ts';

/** How often something happened, and how long it took altogether. */
class Total {
  count = 0;
  #ms = 0;

  add(ms: number): void {
    this.count += 1;
    this.#ms += ms;
  }

  toMessage(): { count: number; ns: number } {
    return { count: this.count, ns: Math.round(this.#ms * 1e6) };
  }
}

/** Counters of one version since this process started. */
class VersionCounters {
  lastInferenceMs = 0;
  inferences = 0;
  executions = 0;
  readonly success = new Total();
  readonly fail = new Total();
  readonly queue = new Total();
  readonly decode = new Total();
  readonly run = new Total();
  readonly respond = new Total();
  /** Batch size → runs. */
  readonly batches = new Map<number, Total>();
}

/** One ModelInfer call that ended. */
export interface EndedCall {
  readonly model: string;
  /** '' when the caller named none. */
  readonly version: string;
  readonly ok: boolean;
  readonly durationMs: number;
}

/** Where versions are looked up: only names that are served get counters, so that no caller can mint any. */
export interface StatisticsSource {
  get(model: string, version: string): Pick<Deployment, 'model' | 'version'> | undefined;
  all(): readonly Pick<Deployment, 'model' | 'version' | 'engines'>[];
}

/** Cumulative counters of each served version, as Triton's statistics call words them. */
export class Statistics {
  readonly #source: StatisticsSource;
  readonly #counters = new Map<string, VersionCounters>();

  constructor(source: StatisticsSource) {
    this.#source = source;
  }

  callEnded({ model, version, ok, durationMs }: EndedCall): void {
    const served = this.#source.get(model, version);
    if (!served) return;
    const counters = this.#of(served);
    counters.lastInferenceMs = Date.now();
    (ok ? counters.success : counters.fail).add(durationMs);
  }

  /** A call succeeded; its stages take as long as its slowest item. @param respondMs time to word the response */
  answered(model: string, version: string, results: readonly ItemResult[], respondMs: number): void {
    const counters = this.#of({ model, version });
    const slowest = (stage: 'queueMs' | 'decodeMs' | 'runMs') =>
      Math.max(...results.map((result) => result[stage]));
    counters.inferences += results.length;
    counters.queue.add(slowest('queueMs'));
    counters.decode.add(slowest('decodeMs'));
    counters.run.add(slowest('runMs'));
    counters.respond.add(respondMs);
  }

  /** The observer that it gets, and counts the runs besides. */
  countingRuns(model: string, version: string, inner: DispatchObserver): DispatchObserver {
    return {
      batchStarted: (batch) => {
        const ended = inner.batchStarted(batch);
        const startedMs = performance.now();
        return (error) => {
          if (!error) this.#ran(model, version, batch.members.length, performance.now() - startedMs);
          ended(error);
        };
      },
    };
  }

  /** @param model '' for all; @param version '' for all of the model */
  read(model: string, version: string): ModelStatistics[] {
    return this.#source
      .all()
      .filter((one) => (model === '' || one.model === model) && (version === '' || one.version === version))
      .map((one) => toMessage(one, this.#of(one)));
  }

  #ran(model: string, version: string, batchSize: number, ms: number): void {
    const counters = this.#of({ model, version });
    counters.executions += 1;
    const runs = counters.batches.get(batchSize) ?? new Total();
    runs.add(ms);
    counters.batches.set(batchSize, runs);
  }

  #of({ model, version }: Pick<Deployment, 'model' | 'version'>): VersionCounters {
    const key = `${model}/${version}`;
    const counters = this.#counters.get(key) ?? new VersionCounters();
    this.#counters.set(key, counters);
    return counters;
  }
}

function toMessage(
  { model, version, engines }: Pick<Deployment, 'model' | 'version' | 'engines'>,
  counters: VersionCounters,
): ModelStatistics {
  const resident = engines.reduce((sum, engine) => sum + engine.residentBytes(), 0);
  return {
    name: model,
    version,
    last_inference: counters.lastInferenceMs,
    inference_count: counters.inferences,
    execution_count: counters.executions,
    inference_stats: {
      success: counters.success.toMessage(),
      fail: counters.fail.toMessage(),
      queue: counters.queue.toMessage(),
      compute_input: counters.decode.toMessage(),
      compute_infer: counters.run.toMessage(),
      compute_output: counters.respond.toMessage(),
    },
    batch_stats: [...counters.batches]
      .sort(([a], [b]) => a - b)
      .map(([size, runs]) => ({ batch_size: size, compute_infer: runs.toMessage() })),
    memory_usage: [{ type: 'CPU', id: 0, byte_size: resident }],
  };
}
