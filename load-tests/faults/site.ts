import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HEADER, METRIC, portOf } from '@headgate/contracts/names';
import { eventually } from '@headgate/testkit/eventually';
import { type Answer, type Client, httpsClient } from '@headgate/testkit/http';
import { type Issuer, startIssuer } from '@headgate/testkit/issuer';
import { type Sample, scrape, total } from '@headgate/testkit/metrics';
import { samplePhoto } from '@headgate/testkit/photos';
import { freePortBase } from '@headgate/testkit/ports';
import { SMALL_MODEL, seedRouting } from '@headgate/testkit/routing';
import { startPostgresCluster, type TestPostgres } from '@headgate/testkit/services/postgres';
import { startRedis, type TestRedis } from '@headgate/testkit/services/redis';
import { type OwnedStack, startStack } from '@headgate/testkit/stack';
import { mountSmallDisk, type SmallDisk } from '../../test/services/small-disk.ts';
import { type Certificates, makeCertificates } from './certificates.ts';
import type { Layout } from './fault.ts';
import type { Link, Network } from './link.ts';
import { type Pod, startPod } from './pod.ts';
import { storedIds } from './stored.ts';

/** Outcome of one request. */
export interface Outcome {
  /** `200`, `503 unavailable`, or `no answer`. */
  readonly status: string;
  /** Of the prediction, when there is one. */
  readonly id?: string;
}

/**
 * Everything that faults are done to: Envoy, a gateway, two inference pods behind a proxy each, an issuer of tokens
 * behind another, and a store of records.
 */
export interface Site {
  readonly stack: OwnedStack;
  /** gRPC ports of the inference pods, and the network between the gateway and each. */
  readonly pods: readonly [number, number];
  readonly links: readonly [Link, Link];
  readonly issuerLink: Link;
  readonly certificates: Certificates;
  readonly postgres: TestPostgres | undefined;
  readonly redis: TestRedis | undefined;
  /** That of the spool; undefined where nothing can be mounted. */
  readonly disk: SmallDisk | undefined;
  /** One prediction, by an API key or a bearer token in turns; never rejects. */
  ask(index: number): Promise<Outcome>;
  metrics(): Promise<Sample[]>;
  /** Records that the gateway said it lost. */
  dropped(): Promise<number>;
  /** Waits until all records are delivered, ends everything, and says which of them the store does not have. */
  close(ids: readonly string[]): Promise<ReadonlySet<string>>;
  /** Ends everything at once. */
  abandon(): Promise<void>;
}

const DELIVERED_WITHIN_MS = 60_000;
/** Records of the last answers may still be in memory, where no metric counts them: they are written within that. */
const FLUSHED_WITHIN_MS = 1000;
/** Room for the records of any fault here, many times. */
const DISK_BYTES = 48 * 2 ** 20;

/** Builds up what is ended in reverse order, also when building fails half-way. */
async function collecting<T>(
  build: (defer: (end: () => unknown) => void) => Promise<T>,
): Promise<{ built: T; end: () => Promise<void> }> {
  const ends: (() => unknown)[] = [];
  const end = async () => {
    const failures: unknown[] = [];
    for (const one of ends.splice(0).reverse())
      await Promise.resolve()
        .then(one)
        .catch((error) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  };
  try {
    return { built: await build((one) => ends.push(one)), end };
  } catch (error) {
    await end();
    throw error;
  }
}

export interface SiteOptions {
  readonly network: Network;
  /** Deadline of each request. */
  readonly timeoutMs: number;
}

export async function startSite(layout: Layout, { network, timeoutMs }: SiteOptions): Promise<Site> {
  const { built, end } = await collecting((defer) => build(layout, network, defer));
  const { stack, client, postgres, dir } = built;
  const metrics = () => scrape(stack.ready.metrics);
  return {
    ...built,
    abandon: end,
    ask: asker(client, built.issuer, { key: stack.ready.keys.bench, timeoutMs }),
    metrics,
    dropped: async () => total(await metrics(), METRIC.recordsDropped),
    async close(ids) {
      try {
        let before = -1;
        const areDelivered = async () => {
          const series = await metrics();
          const written = total(series, METRIC.recordsWritten);
          const isStill = written === before && total(series, METRIC.spoolUndelivered) === 0;
          before = written;
          return isStill;
        };
        await eventually(areDelivered, {
          what: 'the delivery of all records',
          withinMs: DELIVERED_WITHIN_MS,
          everyMs: FLUSHED_WITHIN_MS,
        });
        await stack.stop();
        const stored = await storedIds(postgres ? { postgres } : { dir: storeDirOf(dir, stack) });
        return new Set(ids.filter((id) => !stored.has(id)));
      } finally {
        await end();
      }
    },
  };
}

async function build(layout: Layout, network: Network, defer: (end: () => unknown) => void) {
  const dir = mkdtempSync(join(tmpdir(), 'headgate-faults-'));
  defer(() => rmSync(dir, { recursive: true, force: true }));
  const routingFile = join(dir, 'routing.yaml');
  seedRouting(routingFile, SMALL_MODEL);
  const shared = { HEADGATE_ROUTING_FILE: routingFile, HEADGATE_INFERENCE__EXECUTION__INSTANCES: '1' };

  const pod: Pod = await startPod(await freePortBase(), shared);
  defer(pod.stop);
  const portBase = await freePortBase();
  const pods = [portOf(portBase, 'inferenceGrpc'), pod.port] as const;
  const links = [await network.linkTo(pods[0]), await network.linkTo(pods[1])] as const;
  const issuer = await startIssuer(Date.now);
  defer(() => issuer.close());
  const issuerLink = await network.linkTo(Number(new URL(issuer.url).port));
  for (const link of [...links, issuerLink]) defer(link.close);

  const disk = mountSmallDisk(DISK_BYTES);
  if (disk) defer(disk.remove);
  const certificates = await makeCertificates(join(dir, 'tls'));
  const postgres = layout === 'services' ? await startPostgresCluster() : undefined;
  if (postgres) defer(postgres.close);
  const redis = layout === 'services' ? await startRedis() : undefined;
  if (redis) defer(redis.close);

  const issuers = [{ ...issuer.config, jwks_uri: `http://127.0.0.1:${issuerLink.port}/keys` }];
  const stack = await startStack({
    portBase,
    env: {
      ...shared,
      ...(postgres ? recordsIn(postgres) : {}),
      ...(redis ? quotasIn(redis, dir) : {}),
      HEADGATE_RECORDS__SPOOL_DIR: join(disk?.dir ?? dir, 'spool'),
      HEADGATE_RECORDS__EMBEDDED_DIR: join(dir, 'store'),
      HEADGATE_AUDIT__DIR: join(dir, 'audit'),
      HEADGATE_AUDIT__HEADS_FILE: join(dir, 'audit-heads.jsonl'),
      HEADGATE_ENVOY__TLS_DIR: certificates.dir,
      HEADGATE_GATEWAY__UPSTREAM__TARGET: links.map(({ port }) => `127.0.0.1:${port}`).join(','),
      HEADGATE_GATEWAY__OIDC__ISSUERS: JSON.stringify(issuers),
      ...QUICK_KEYS,
    },
  });
  defer(stack.stop);
  const client = httpsClient(stack.ready);
  defer(client.close);
  return { dir, stack, pods, links, issuer, issuerLink, certificates, postgres, redis, disk, client };
}

/** Keys of the issuer are asked for every second, so that an outage of seconds is one. */
const QUICK_KEYS = {
  HEADGATE_GATEWAY__OIDC__KEYS__REFRESH_MS: '1000',
  HEADGATE_DEPENDENCIES__JWKS__TIMEOUT_MS: '300',
};

function recordsIn({ url }: TestPostgres) {
  return { HEADGATE_RECORDS__SINK: 'postgres', HEADGATE_RECORDS__POSTGRES_URL: url };
}

/** A quota that the load never reaches: each request is charged all the same. */
function quotasIn({ url }: TestRedis, dir: string) {
  const urlFile = join(dir, 'redis.url');
  writeFileSync(urlFile, url, { mode: 0o600 });
  return {
    HEADGATE_GATEWAY__RATE_LIMIT__STORE: 'redis',
    HEADGATE_GATEWAY__RATE_LIMIT__REDIS__URL_FILE: urlFile,
    HEADGATE_GATEWAY__RATE_LIMIT__ON_FAILURE__MODE: 'local_share',
    HEADGATE_GATEWAY__RATE_LIMIT__TIERS__BENCH__ALL: '{ "points": 1000000, "window_s": 60 }',
  };
}

/** Where control keeps the records of this stack. */
function storeDirOf(dir: string, { portBase }: OwnedStack): string {
  return join(dir, 'store', String(portBase));
}

function asker(
  client: Client,
  issuer: Issuer,
  { key, timeoutMs }: { readonly key: string; readonly timeoutMs: number },
): Site['ask'] {
  const photo = samplePhoto('digit-7.png');
  return async (index) => {
    const identity: Record<string, string> =
      index % 2 === 0 ? { [HEADER.apiKey]: key } : { authorization: `Bearer ${await issuer.token()}` };
    const headers = { 'content-type': photo.type, [HEADER.timeoutMs]: String(timeoutMs), ...identity };
    return client.send({ path: '/predict', headers, body: photo.bytes }).then(outcomeOf, () => NO_ANSWER);
  };
}

const NO_ANSWER: Outcome = { status: 'no answer' };

function outcomeOf({ status, text }: Answer): Outcome {
  const body = JSON.parse(text) as { id: string; reason?: string };
  return status === 200 ? { status: '200', id: body.id } : { status: `${status} ${body.reason}` };
}
