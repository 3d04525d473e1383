import { hostname } from 'node:os';
import { resolve } from 'node:path';
import type { Config } from '@headgate/contracts/config/schema';
import { METRIC, portOf } from '@headgate/contracts/names';
import { systemClock } from '@headgate/runtime/clock';
import { inClusterApi, type KubernetesApi, KubernetesError } from '@headgate/runtime/kubernetes/api';
import { ConfigError } from '@headgate/runtime/load-config';
import type { Logger } from '@headgate/runtime/logger';
import { Gauge, type Registry } from 'prom-client';
import { everyRound } from '../every-round.ts';
import { reportPools } from './cluster-metrics.ts';
import { type Election, LeaseElection } from './lease.ts';
import { startMetricsApi } from './metrics-api.ts';
import { Pool } from './pool.ts';
import { QueueTime } from './queue-time.ts';
import type { Scrapes } from './scrapes-of.ts';

export interface ClusterSurroundings {
  readonly env: NodeJS.ProcessEnv;
  /** Relative paths of the configuration start here. */
  readonly root: string;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly scrapes: Scrapes;
  /** Absent: that of the cluster in which this pod runs. */
  readonly api?: KubernetesApi;
}

export interface Cluster {
  /** True outside of a cluster. */
  isLeader(): boolean;
  /** Pod that leads while this one does not; empty while none is known. */
  leader(): string;
  stop(): Promise<void>;
}

/**
 * What control does in a cluster: one of its processes leads, and scales serverless models; each answers the metrics of
 * autoscalers. Does nothing where the configuration asks for none of it.
 *
 * @throws ConfigError outside a cluster, or when the certificate cannot be read
 */
export async function startCluster(config: Config, around: ClusterSurroundings): Promise<Cluster> {
  const { control, serverless, listen } = config;
  const { registry, logger, root } = around;
  const leads = control.lease !== '' || Object.keys(serverless).length > 0;
  const answers = control.metrics_tls_dir !== '';
  if (!leads && !answers) return { isLeader: () => true, leader: () => '', stop: async () => undefined };

  const { gateways, inference } = around.scrapes;
  const queueTime = new QueueTime(inference, systemClock.monotonicMs);
  const metricsApi = answers
    ? await startMetricsApi({
        tlsDir: resolve(root, control.metrics_tls_dir),
        host: listen.internal_host,
        port: portOf(listen.port_base, 'externalMetrics'),
        queueSeconds: (model) => queueTime.mean(model),
        logger,
      })
    : undefined;

  const api = leads ? (around.api ?? (await apiOf(around.env))) : undefined;
  const report = reportPools(registry, logger);
  let pools: readonly Pool[] = [];
  const lead = (signal: AbortSignal) => {
    if (!api) return;
    logger.info('this control process leads');
    const shared = { api, gateways, inference, report, clock: systemClock };
    pools = Object.entries(serverless).map(
      ([model, { deployment, idle_s }]) => new Pool({ ...shared, model, deployment, idleMs: idle_s * 1000 }),
    );
    signal.addEventListener('abort', () => {
      pools = [];
      logger.warn('this control process does not lead any more');
    });
  };
  const election = api && elect(control.lease, { api, lead, logger });
  exposeLeader(registry, election);

  const steps = async () => {
    // Each page costs the pod that serves it time: only those that are used are read.
    const scales = pools.length > 0;
    await Promise.all([scales && gateways.round(), (scales || answers) && inference.round()]);
    queueTime.note();
    if (!scales || !election?.isLeader) return;
    await Promise.all(pools.map((pool) => pool.step().catch((err) => report.failed(err))));
  };
  const rounds = everyRound(steps);
  return {
    isLeader: () => election?.isLeader ?? true,
    leader: () => election?.leader ?? '',
    async stop() {
      // First: what this round scales must not meet the next leader.
      await rounds.stop();
      await election?.stop();
      await metricsApi?.stop();
      api?.close();
    },
  };
}

interface Leading {
  readonly api: KubernetesApi;
  readonly lead: (signal: AbortSignal) => void;
  readonly logger: Pick<Logger, 'warn'>;
}

function elect(lease: string, { api, lead, logger }: Leading): Election {
  if (lease !== '') {
    return new LeaseElection({
      api,
      name: lease,
      identity: hostname(),
      clock: systemClock,
      random: Math.random,
      lead,
      failed: (err) => logger.warn({ err }, 'the Lease cannot be read or renewed; it is tried again'),
    });
  }
  const alone = new AbortController();
  lead(alone.signal);
  return { isLeader: true, leader: '', stop: async () => alone.abort() };
}

function exposeLeader(registry: Registry, election: Election | undefined): void {
  new Gauge({
    name: METRIC.leader,
    help: '1 while this control process leads.',
    registers: [registry],
    collect() {
      this.set(election?.isLeader ? 1 : 0);
    },
  });
}

async function apiOf(env: NodeJS.ProcessEnv): Promise<KubernetesApi> {
  try {
    return await inClusterApi(env);
  } catch (error) {
    if (!(error instanceof KubernetesError)) throw error;
    throw new ConfigError(`control.lease or serverless is set. ${error.message}`, { cause: error });
  }
}
