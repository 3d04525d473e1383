import { METRIC, portOf } from '@headgate/contracts/names';
import type { Fault as NetworkFault } from '@headgate/testkit/fault-proxy';
import { fetchOnce } from '@headgate/testkit/http';
import { total } from '@headgate/testkit/metrics';
import { type Part, pidOf, processesOf } from '@headgate/testkit/stack';
import type { Fault } from './fault.ts';
import { isServing } from './pod.ts';
import type { Site } from './site.ts';

const HOLD_MS = 4000;
/** Records of a second or two: what waits when everything works. */
const FEW_RECORDS = 50;

const bothPodsServe = async ({ pods }: Site) => (await Promise.all(pods.map(isServing))).every(Boolean);

/** Whether another process has taken the place of `before`. */
const isReplaced = ({ stack }: Site, part: Part, before: number) =>
  processesOf(stack, part).some(({ pid }) => pid !== before);

/** Whether records have been delivered since `before` were, and hardly any wait. */
async function areDelivered(site: Site, before: number): Promise<boolean> {
  const series = await site.metrics();
  const shipped = total(series, METRIC.recordsShipped, { outcome: 'delivered' });
  return shipped > before && total(series, METRIC.spoolUndelivered) < FEW_RECORDS;
}
const deliveredSoFar = async (site: Site) =>
  total(await site.metrics(), METRIC.recordsShipped, { outcome: 'delivered' });

/** A fault of the network between the gateway and the first of two inference pods. */
function network(name: string, fault: NetworkFault, mayFail: readonly string[] = []): Fault {
  return {
    name: `inference-${name}`,
    title: `network to one of two inference pods: ${name.replace('-', ' ')}`,
    layout: 'embedded',
    holdMs: HOLD_MS,
    mayFail,
    async begin(site) {
      await site.links[0].set(fault);
      return { end: () => site.links[0].set({ kind: 'none' }), recovered: () => bothPodsServe(site) };
    },
  };
}

const ENGINE_KILL: Fault = {
  name: 'engine-kill',
  title: 'engine of one of two inference pods, SIGKILL',
  layout: 'embedded',
  holdMs: 0,
  mayFail: [],
  async begin(site) {
    const before = processesOf(site.stack, 'engine').map(({ pid }) => pid);
    for (const pid of before) process.kill(pid, 'SIGKILL');
    const isBack = () => processesOf(site.stack, 'engine').some(({ pid }) => !before.includes(pid));
    return { recovered: async () => isBack() && bothPodsServe(site) };
  },
};

const INFERENCE_KILL: Fault = {
  name: 'inference-kill',
  title: 'one of two inference processes, SIGKILL',
  layout: 'embedded',
  holdMs: 0,
  mayFail: [],
  async begin(site) {
    const before = pidOf(site.stack, 'inference');
    process.kill(before, 'SIGKILL');
    return { recovered: async () => isReplaced(site, 'inference', before) && bothPodsServe(site) };
  },
};

const CONTROL_KILL: Fault = {
  name: 'control-kill',
  title: 'control with its store, SIGKILL',
  layout: 'embedded',
  holdMs: 0,
  mayFail: [],
  async begin(site) {
    const before = pidOf(site.stack, 'control');
    process.kill(before, 'SIGKILL');
    const delivered = await deliveredSoFar(site);
    return {
      recovered: async () => isReplaced(site, 'control', before) && areDelivered(site, delivered),
    };
  },
};

const POSTGRES_KILL: Fault = {
  name: 'postgres-kill',
  title: 'PostgreSQL, SIGKILL, started again later',
  layout: 'services',
  holdMs: HOLD_MS,
  mayFail: [],
  async begin(site) {
    await site.postgres?.primary.kill();
    const delivered = await deliveredSoFar(site);
    return {
      end: () => site.postgres?.primary.start(),
      recovered: () => areDelivered(site, delivered),
    };
  },
};

const REDIS_KILL: Fault = {
  name: 'redis-kill',
  title: 'Redis, SIGKILL, started again later (local share)',
  layout: 'services',
  holdMs: HOLD_MS,
  mayFail: [],
  async begin(site) {
    const isShared = async () => total(await site.metrics(), METRIC.quotaMode, { mode: 'shared' }) === 1;
    await site.redis?.kill();
    return {
      async end() {
        if (await isShared()) throw new Error('quotas went on as if Redis were there');
        await site.redis?.start();
      },
      recovered: isShared,
    };
  },
};

const JWKS_BLACK_HOLE: Fault = {
  name: 'jwks-black-hole',
  title: 'issuer of bearer tokens: black hole',
  layout: 'embedded',
  holdMs: HOLD_MS,
  mayFail: [],
  async begin(site) {
    const opened = async () =>
      total(await site.metrics(), METRIC.breakerTransitions, { dependency: 'jwks', state: 'open' });
    const before = await opened();
    await site.issuerLink.set({ kind: 'black_hole' });
    const isClosed = async () =>
      total(await site.metrics(), METRIC.breakerState, { dependency: 'jwks' }) === 0;
    return {
      async end() {
        if ((await opened()) === before) throw new Error('the breaker of the issuer did not open');
        await site.issuerLink.set({ kind: 'none' });
      },
      recovered: isClosed,
    };
  },
};

const SPOOL_FULL: Fault = {
  name: 'spool-full',
  title: 'disk of the spool: full',
  layout: 'embedded',
  holdMs: HOLD_MS,
  mayFail: [],
  mayLose: true,
  obstacle: ({ disk }) => (disk ? undefined : 'only root may mount a small disk'),
  async begin(site) {
    site.disk?.fill();
    const written = async () => total(await site.metrics(), METRIC.recordsWritten);
    let atEnd = 0;
    return {
      async end() {
        site.disk?.free();
        atEnd = await written();
      },
      recovered: async () => (await written()) > atEnd,
    };
  },
};

const GATEWAY_RESTART: Fault = {
  name: 'gateway-restart',
  title: 'the only gateway behind Envoy, SIGTERM',
  layout: 'embedded',
  holdMs: 0,
  // No gateway answers between the end of one and the start of the next.
  mayFail: ['503 unavailable'],
  async begin(site) {
    const before = pidOf(site.stack, 'gateway');
    process.kill(before, 'SIGTERM');
    return {
      recovered: async () =>
        isReplaced(site, 'gateway', before) && (await fetchOnce(site.stack.ready.health)).status === 200,
    };
  },
};

const CERTIFICATE_RENEWAL: Fault = {
  name: 'certificate-renewal',
  title: 'public certificate: renewed on disk',
  layout: 'embedded',
  holdMs: 0,
  mayFail: [],
  async begin({ stack, certificates }) {
    const port = portOf(stack.portBase, 'https');
    const before = await certificates.servedSerial(port);
    await certificates.renew();
    return { recovered: async () => (await certificates.servedSerial(port)) !== before };
  },
};

/** Every fault, in the order of the table. */
export const FAULTS: readonly Fault[] = [
  ENGINE_KILL,
  INFERENCE_KILL,
  network('latency', { kind: 'latency', ms: 100 }),
  network('reset', { kind: 'reset' }),
  network('slow-close', { kind: 'slow_close', ms: 100 }, ['504 deadline_exceeded']),
  // Calls that were sent into it end at their deadline.
  network('black-hole', { kind: 'black_hole' }, ['504 deadline_exceeded']),
  GATEWAY_RESTART,
  CERTIFICATE_RENEWAL,
  JWKS_BLACK_HOLE,
  CONTROL_KILL,
  SPOOL_FULL,
  POSTGRES_KILL,
  REDIS_KILL,
];
