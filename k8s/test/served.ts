import { once } from 'node:events';
import { connect, type PeerCertificate } from 'node:tls';
import { eventually } from '@headgate/testkit/eventually';
import { type HeldConnection, useAll } from './held.ts';
import type { Kube } from './kube.ts';
import { keepLooking } from './looks.ts';
import type { Context, Edge } from './scenario.ts';

/** The certificate that Envoy serves, and the Secret behind it. */

const SECRET = 'headgate-tls';
const HTTPS_PORT = 8443;
/** The kubelet looks once a minute, and adds half a minute by chance. */
const SYNC_MS = 120_000;
/** Envoy closes a connection without requests after a minute. */
const USE_EVERY_MS = 5000;

/** Each Envoy by its own address. */
export async function envoysOf(kube: Kube, edge: Edge): Promise<Edge[]> {
  const pods = await kube.readyPods('envoy');
  return pods.map(({ status }) => ({ ...edge, origin: `https://${status.podIP}:${HTTPS_PORT}` }));
}

/** The certificate that a new connection gets. */
async function servedBy({ origin, host, ca }: Edge): Promise<PeerCertificate> {
  const { hostname, port } = new URL(origin);
  const socket = connect({ host: hostname, port: Number(port), servername: host, ca });
  try {
    await once(socket, 'secureConnect');
    return socket.getPeerCertificate();
  } finally {
    socket.destroy();
  }
}

export interface Serving {
  /** Connections that must stay open meanwhile. */
  readonly held: readonly HeldConnection[];
  readonly fits: (certificate: PeerCertificate) => boolean;
}

/** Waits until each Envoy serves a certificate that fits. @returns it, and the seconds that each Envoy took */
export async function untilServed(
  envoys: readonly Edge[],
  { held, fits }: Serving,
): Promise<{ certificate: PeerCertificate; seconds: number[] }> {
  const startMs = performance.now();
  const using = keepLooking(() => useAll(held), USE_EVERY_MS);
  const looks = Promise.all(
    envoys.map(async (envoy) => {
      const look = async () => {
        const certificate = await servedBy(envoy);
        return fits(certificate) && certificate;
      };
      const certificate = await eventually(look, {
        what: 'the new certificate',
        withinMs: SYNC_MS,
        everyMs: 500,
      });
      return { certificate, seconds: (performance.now() - startMs) / 1000 };
    }),
  );
  const seen = await looks.finally(using.stop);
  await useAll(held);
  const [first] = seen;
  if (!first) throw new Error('no Envoy is ready');
  return { certificate: first.certificate, seconds: seen.map(({ seconds }) => seconds) };
}

/** Puts the present certificate back after the scenario. */
export async function keepCertificate({ kube, cleanUp }: Context, edge: Edge): Promise<void> {
  const { data } = await kube.get<{ data: Record<string, string> }>('secret', SECRET);
  cleanUp(async (later) => {
    await later.apply(tlsSecret({ data }));
    // A changed annotation makes the kubelet look at once.
    const label = 'app.kubernetes.io/component=envoy';
    await later.kubectl(['annotate', 'pods', '-l', label, '--overwrite', `restored=${Date.now()}`]);
    // Only the kept authority is trusted.
    await untilServed(await envoysOf(later, edge), { held: [], fits: () => true });
  });
}

/** The Secret with this content, as `stringData` or `data`. */
export const tlsSecret = (content: { stringData: object } | { data: object }) => ({
  ...{ apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', metadata: { name: SECRET } },
  ...content,
});
