import { parseArgs } from 'node:util';

export interface TestOptions {
  /** Names of scenarios; all when empty. */
  readonly only: readonly string[];
  /** Leaves cluster and release as they are at the end. */
  readonly keep: boolean;
  /** Kubeconfig of a cluster that is not ours to start or stop; undefined: one is started. */
  readonly kubeconfig: string | undefined;
  readonly namespace: string;
  /** Values file with the digests of images; undefined: they are built. */
  readonly images: string | undefined;
  /** Where results go, beside the table. */
  readonly junit: string | undefined;
  readonly out: string | undefined;
}

export const USAGE = `npm run test:k8s -- [options]
  --only NAME[,NAME]     only these scenarios
  --keep                 leave cluster and release as they are at the end
  --cluster existing     use the cluster of --kubeconfig or KUBECONFIG; a release in the namespace is used as it is
  --kubeconfig FILE
  --namespace NAME       headgate-test unless given
  --images FILE          values file of npm run images, instead of building
  --junit FILE           results as JUnit XML
  --out FILE             results as Markdown; rows that are there stay unless their scenario ran
  --list                 names of all scenarios`;

/** @throws TypeError for an option that does not exist; Error when options do not go together */
export function parseOptions(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): TestOptions & { readonly list: boolean } {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...argv],
    options: {
      only: { type: 'string', multiple: true },
      keep: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      cluster: { type: 'string', default: 'new' },
      namespace: { type: 'string', default: 'headgate-test' },
      ...{ kubeconfig: text, images: text, junit: text, out: text },
    },
  });
  if (!['new', 'existing'].includes(values.cluster)) throw new Error('--cluster: expected new or existing');
  const isNew = values.cluster === 'new';
  const kubeconfig = isNew ? undefined : (values.kubeconfig ?? env.KUBECONFIG);
  if (!isNew && !kubeconfig) throw new Error('--cluster existing: needs --kubeconfig FILE or KUBECONFIG');
  const { keep, list, namespace, images, junit, out } = values;
  const only = (values.only ?? []).flatMap((names) => names.split(','));
  return { only, keep, list, kubeconfig, namespace, images, junit, out };
}
