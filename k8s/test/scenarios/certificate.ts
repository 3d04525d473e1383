import { X509Certificate } from 'node:crypto';
import { createAuthority } from '../../../scripts/setup/certificates.ts';
import { holdHttp1, holdHttp2, useAll } from '../held.ts';
import type { Scenario } from '../scenario.ts';
import { envoysOf, keepCertificate, tlsSecret, untilServed } from '../served.ts';

/** A new certificate of another authority takes the place of the one that is served. */
export const certificateReplaced: Scenario = {
  name: 'certificate',
  title: 'A replaced certificate Secret reaches new connections, and no open one is dropped',
  withinMs: 240_000,
  async run(context) {
    const { kube, edge, load, figure, progress, cleanUp } = context;
    const authority = await createAuthority('Replacement for a test');
    const { certificate, key } = await authority.issue(edge.host, 'server');
    const serial = new X509Certificate(certificate).serialNumber;
    const envoys = await envoysOf(kube, { ...edge, ca: `${edge.ca}\n${authority.certificate}` });
    const held = envoys.flatMap((envoy) => [holdHttp1(envoy), holdHttp2(envoy)]);
    cleanUp(async () => {
      for (const one of held) one.close();
    });
    await keepCertificate(context, edge);

    const running = load({ trusts: authority.certificate });
    await running.answered(20);
    await useAll(held);
    progress('waiting for the kubelets');
    await kube.apply(tlsSecret({ stringData: { 'tls.crt': certificate, 'tls.key': key } }));
    const fits = ({ serialNumber }: { serialNumber: string }) => serialNumber === serial;
    const { seconds } = await untilServed(envoys, { held, fits });
    figure('served after', seconds.map((one) => `${one.toFixed(1)} s`).join(', '));
    await running.answered(40);
    await useAll(held);
    figure('open connections kept', `${held.length} of ${held.length}`);
    await running.stop();
  },
};
