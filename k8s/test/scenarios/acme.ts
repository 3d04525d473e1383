import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PeerCertificate } from 'node:tls';
import { eventually, secondsSince } from '@headgate/testkit/eventually';
import { ROOT } from '@headgate/testkit/root';
import { PEBBLE, startPebble } from '@headgate/testkit/services/pebble';
import { goTool } from '@headgate/testkit/tools/go-tool';
import { createGuard } from '../../../scripts/setup/guard.mjs';
import { HOST_IP } from '../../cluster/layout.ts';
import { installCertManager } from '../cert-manager.ts';
import type { Kube } from '../kube.ts';
import type { Context, Scenario } from '../scenario.ts';
import { envoysOf, keepCertificate, untilServed } from '../served.ts';

const CHART = join(ROOT, 'k8s/chart');

/** A second name: one of two solvers is the wrong one for each challenge. */
const OTHER = 'other.headgate.test';

/** Issued by Pebble, the ACME server for tests, with proof of the name through Envoy; then renewed by itself. */
export const acme: Scenario = {
  name: 'acme',
  title: "cert-manager's controllers issue and renew the certificate by HTTP-01 through Envoy",
  withinMs: 600_000,
  async run(context) {
    const { kube, edge, release, load, figure, progress, cleanUp } = context;
    const pebble = await startAuthority(context);
    const root = await pebble.root();
    await installCertManager(context, pebble.dns);
    await keepCertificate(context, edge);
    const certificate = `certificate/${release}-public`;

    progress('issuing');
    const upgrade = (by: Kube, ...values: string[]) =>
      by.helm(
        [
          'upgrade',
          release,
          CHART,
          '--reset-then-reuse-values',
          // No table changes.
          '--no-hooks',
          '--wait',
          ...values.flatMap((one) => ['--set', one]),
        ],
        { withinMs: 240_000 },
      );
    cleanUp(async (later) => {
      await upgrade(later, 'certManager.public.enabled=false', `envoy.serverNames={${edge.host}}`);
      await later.kubectl(['delete', 'secret', `${release}-acme-account`, '--ignore-not-found']);
    });
    const running = load({ trusts: root });
    await running.answered(20);
    const startMs = performance.now();
    const authority = (await readFile(pebble.caFile)).toString('base64');
    await upgrade(
      kube,
      'certManager.public.enabled=true',
      `envoy.serverNames={${edge.host},${OTHER}}`,
      `certManager.public.acme.server=${pebble.directory}`,
      `certManager.public.acme.caBundle=${authority}`,
    );
    await kube.kubectl(['wait', certificate, '--for=condition=Ready', '--timeout=120s'], {
      withinMs: 125_000,
    });
    figure('issued after', secondsSince(startMs));

    const envoys = await envoysOf(kube, { ...edge, ca: root });
    const forBoth = ({ subjectaltname }: PeerCertificate) => subjectaltname?.includes(OTHER) ?? false;
    const issued = await untilServed(envoys, { held: [], fits: forBoth });
    progress('renewing');
    await renewSoon(kube, certificate, issued.certificate);
    const isNew = ({ serialNumber }: PeerCertificate) => serialNumber !== issued.certificate.serialNumber;
    const revision = async () => (await kube.get<Issued>(certificate)).status.revision > 1;
    await eventually(revision, { what: 'the renewal', withinMs: 120_000, everyMs: 1000 });
    const { seconds } = await untilServed(envoys, { held: [], fits: isNew });
    figure('renewed, served after', seconds.map((one) => `${one.toFixed(1)} s`).join(', '));
    await running.answered(40);
    await running.stop();
  },
};

interface Issued {
  readonly status: { readonly revision: number };
}

async function startAuthority({ dir, edge, signal, cleanUp }: Context) {
  const guard = createGuard();
  const program = await goTool(PEBBLE, { guard, signal }).finally(() => guard.close());
  const answer = new URL(edge.origin).hostname;
  const pebble = await startPebble(program, { dir, challengePort: 80, host: HOST_IP, answer });
  cleanUp(async () => pebble[Symbol.asyncDispose]());
  return pebble;
}

/** Half a minute after it was issued, the certificate is due. */
async function renewSoon(
  kube: Kube,
  certificate: string,
  { valid_from, valid_to }: PeerCertificate,
): Promise<void> {
  const validSeconds = (Date.parse(valid_to) - Date.parse(valid_from)) / 1000;
  const spec = { renewBefore: `${Math.floor(validSeconds) - 30}s` };
  await kube.kubectl(['patch', certificate, '--type=merge', '-p', JSON.stringify({ spec })]);
}
