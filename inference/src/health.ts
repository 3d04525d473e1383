import { type ServerWritableStream, status } from '@grpc/grpc-js';
import type { HealthHandlers } from '@headgate/contracts/gen/grpc/grpc/health/v1/Health';
import type { HealthCheckRequest__Output } from '@headgate/contracts/gen/grpc/grpc/health/v1/HealthCheckRequest';
import type { HealthCheckResponse } from '@headgate/contracts/gen/grpc/grpc/health/v1/HealthCheckResponse';
import { healthServiceName, INFERENCE_SERVICE } from '@headgate/contracts/names';
import type { Deployment } from './models/deployment.ts';

type Watcher = ServerWritableStream<HealthCheckRequest__Output, HealthCheckResponse>;

/** What health is derived from. */
export interface HealthSource {
  all(): readonly Pick<Deployment, 'model' | 'version' | 'status'>[];
  controlVersion(model: string): string | undefined;
}

/**
 * Readiness of this process and of each model version.
 *
 * The server as a whole is ready once every version that it started with is warm (or has failed), as long as the
 * control version of at least one model is ready. A version that is added or that crashes later does not take the
 * server down with it: it has a health of its own, and the gateway goes by that (decision 0007).
 */
export class Health {
  readonly #source: HealthSource;
  readonly #watchers = new Set<{ readonly call: Watcher; last: string | undefined }>();
  #started = false;
  #draining = false;

  constructor(source: HealthSource) {
    this.#source = source;
  }

  /** From now on nothing is ready any more. */
  drain(): void {
    this.#draining = true;
    this.refresh();
  }

  get isReady(): boolean {
    return this.#started && !this.#draining && this.#hasReadyControl();
  }

  isVersionReady(model: string, version: string): boolean {
    const deployment = this.#source.all().find((one) => one.model === model && one.version === version);
    return deployment?.status === 'ready' && !this.#draining;
  }

  /** To be called after each change of the source: tells the watchers. */
  refresh(): void {
    const deployments = this.#source.all();
    this.#started ||= deployments.length > 0 && deployments.every(({ status }) => status !== 'loading');
    for (const watcher of this.#watchers) {
      const next = this.#statusOf(watcher.call.request.service) ?? 'SERVICE_UNKNOWN';
      if (next === watcher.last) continue;
      watcher.last = next;
      watcher.call.write({ status: next });
    }
  }

  /** Ends the streams of all watchers, which would otherwise hold up the shutdown. */
  close(): void {
    for (const { call } of this.#watchers) call.end();
    this.#watchers.clear();
  }

  /** Implementation of grpc.health.v1. */
  handlers(): HealthHandlers {
    return {
      Check: ({ request }, callback) => {
        const serving = this.#statusOf(request.service);
        if (serving) callback(null, { status: serving });
        else callback({ code: status.NOT_FOUND, details: 'no such service' });
      },
      Watch: (call) => {
        const watcher = { call, last: undefined };
        this.#watchers.add(watcher);
        call.on('cancelled', () => this.#watchers.delete(watcher));
        this.refresh();
      },
    };
  }

  #hasReadyControl(): boolean {
    return this.#source
      .all()
      .some(
        ({ model, version, status }) => status === 'ready' && version === this.#source.controlVersion(model),
      );
  }

  /** undefined for a name that is not registered. */
  #statusOf(service: string): 'SERVING' | 'NOT_SERVING' | undefined {
    const word = (ready: boolean) => (ready ? 'SERVING' : 'NOT_SERVING');
    if (service === '' || service === INFERENCE_SERVICE) return word(this.isReady);
    const found = this.#source
      .all()
      .find(({ model, version }) => healthServiceName(model, version) === service);
    return found && word(this.isVersionReady(found.model, found.version));
  }
}
