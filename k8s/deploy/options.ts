import { parseArgs } from 'node:util';
import { DeployError } from './errors.ts';

export const ENVIRONMENTS = ['dev', 'staging', 'production'] as const;
export type Environment = (typeof ENVIRONMENTS)[number];

export const USAGE = `usage: npm run deploy -- --env dev|staging|production [options]
  --namespace NAME    namespace of the release (default headgate)
  --context NAME      context of the kubeconfig (default: the current one)
  -f, --values FILE   your values, after those of the environment; may be repeated
  --set PATH=VALUE    one value; may be repeated
  --images FILE       values with the images' digests (default state/k8s/images.yaml, which npm run images writes)
  --routing FILE      routing table to create, where the cluster has none (default config/routing.yaml, not in production)
  --key-file FILE     API key for the photo that is classified at the end
  --photo FILE        that photo (default samples/chelsea.png)
  --dry-run           checks everything and changes nothing
  --diff              the same, and shows each difference from what the cluster has
  --canary gateway    one gateway of the new image gets 10 % of the requests, is watched, then replaces all or is removed;
                      gateway=sha256:… or gateway=REPOSITORY@sha256:… name another image than the values
  --canary-seconds N  how long it is watched (default 60)
  --recover           goes on where a deployment was killed
  --overwrite         takes fields back that somebody changed by hand in the cluster
  --replace-environment  deploys over another environment that the namespace holds
  --yes               asks nothing
usage: npm run undeploy -- [--namespace NAME] [--context NAME] [--all] [--yes]
  --all               removes the Secrets that the command made, volumes and the routing table too`;

const FLAGS = { type: 'boolean', default: false } as const;
const TEXT = { type: 'string' } as const;
const TEXTS = { type: 'string', multiple: true, default: [] as string[] } as const;

const OPTIONS = {
  env: TEXT,
  namespace: { ...TEXT, default: 'headgate' },
  context: TEXT,
  values: { ...TEXTS, short: 'f' },
  set: TEXTS,
  images: TEXT,
  routing: TEXT,
  'key-file': TEXT,
  photo: TEXT,
  canary: TEXT,
  'canary-seconds': { ...TEXT, default: '60' },
  'dry-run': FLAGS,
  diff: FLAGS,
  recover: FLAGS,
  overwrite: FLAGS,
  'replace-environment': FLAGS,
  all: FLAGS,
  yes: FLAGS,
  help: { ...FLAGS, short: 'h' },
} as const;

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new DeployError((error as Error).message, USAGE, 2);
  }
}

export type Options = Omit<ReturnType<typeof parse>['values'], 'routing'> & {
  readonly routing: string | undefined;
  readonly command: 'deploy' | 'undeploy';
  readonly environment: Environment;
};

/**
 * @param argv without program and script
 * @throws DeployError with the usage
 */
export function parseOptions(argv: readonly string[]): Options {
  const { values, positionals } = parse(argv);
  const [command = 'deploy', ...rest] = positionals;
  if ((command !== 'deploy' && command !== 'undeploy') || rest.length > 0) {
    throw new DeployError(`unknown argument: ${positionals.join(' ')}`, USAGE, 2);
  }
  const environment = ENVIRONMENTS.find((name) => name === values.env);
  if (command === 'deploy' && environment === undefined && !values.help) {
    throw new DeployError(`--env: expected one of ${ENVIRONMENTS.join(', ')}`, USAGE, 2);
  }
  if (!(Number(values['canary-seconds']) > 0)) {
    throw new DeployError('--canary-seconds: expected a number above 0', USAGE, 2);
  }
  const routing = values.routing || undefined;
  return { ...values, routing, command, environment: environment ?? 'dev' };
}

/** `gateway=sha256:…`, `gateway=REPOSITORY@sha256:…`, or `gateway`: the image of the values. */
const CANARY = /^gateway(?:=(?:(?<repository>[^@]+)@)?(?<digest>sha256:[0-9a-f]{64}))?$/;

/** Arguments of helm for the image that becomes the gateway of all. @throws DeployError */
export function newImage(canary: string | undefined): string[] {
  if (canary === undefined) return [];
  const found = CANARY.exec(canary);
  if (found === null) {
    throw new DeployError(
      '--canary: expected gateway, gateway=sha256:… or gateway=REPOSITORY@sha256:…',
      'npm run images prints the digests',
      2,
    );
  }
  return Object.entries(found.groups ?? {}).flatMap(([name, value]) =>
    value ? ['--set', `images.gateway.${name}=${value}`] : [],
  );
}
