import { createInterface } from 'node:readline/promises';
import { ProgramError } from '../run-program.ts';
import { DeployError } from './errors.ts';
import type { Options } from './options.ts';
import type { Programs } from './programs.ts';

/** Where the release goes. */
export interface Target {
  readonly context: string;
  readonly server: string;
}

/** On the namespace: which environment it holds, and that this program made it. */
export const LABEL = { environment: 'headgate/environment', madeBy: 'app.kubernetes.io/managed-by' } as const;
export const MADE_BY = 'headgate-deploy';

interface KubeConfig {
  readonly 'current-context'?: string;
  readonly clusters: readonly { readonly cluster: { readonly server: string } }[] | null;
}

/** The chosen context, whose API server answers. @throws DeployError */
export async function findTarget(programs: Programs): Promise<Target> {
  const target = await readContext(programs);
  try {
    await programs.kubectl(['get', '--raw', '/readyz', '--request-timeout=10s']);
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error;
    throw new DeployError(
      `the cluster of context ${target.context} (${target.server}) does not answer: ${lastLine(error.stderr)}`,
      `check the network and your login: kubectl --context ${target.context} get nodes; or choose another context with --context`,
      3,
    );
  }
  return target;
}

async function readContext(programs: Programs): Promise<Target> {
  try {
    const config: KubeConfig = JSON.parse(
      await programs.kubectl(['config', 'view', '--minify', '-o', 'json']),
    );
    const server = config.clusters?.[0]?.cluster.server;
    const context = config['current-context'];
    if (server !== undefined && context) return { context, server };
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error;
  }
  throw new DeployError(
    'kubectl has no such context',
    'kubectl config get-contexts lists them; KUBECONFIG names the file, --context the context',
    3,
  );
}

/** What the namespace is labelled with; undefined where there is no namespace. */
export interface Existing {
  readonly labels: Readonly<Record<string, string>>;
}

export async function findNamespace(programs: Programs): Promise<Existing | undefined> {
  const found = await programs.find<{ metadata: { labels?: Record<string, string> } }>(
    'namespace',
    programs.namespace,
  );
  return found && { labels: found.metadata.labels ?? {} };
}

/**
 * Refuses another environment than the one that the namespace holds, whatever --yes says. Then asks on a terminal;
 * elsewhere production needs --yes.
 *
 * @throws DeployError
 */
export async function confirm(
  options: Options,
  { context, server }: Target,
  existing: Existing | undefined,
  terminal: Terminal = process,
): Promise<void> {
  const { command, environment, namespace, yes } = options;
  const holds = existing?.labels[LABEL.environment];
  const differs = command === 'deploy' && holds !== undefined && holds !== environment;
  const where = `namespace ${namespace} of context ${context} (${server})`;
  if (differs && !options['replace-environment']) {
    throw new DeployError(
      `${where} holds ${holds}, and this would deploy ${environment} over it`,
      'choose another --context or --namespace, or say --replace-environment',
      2,
    );
  }
  if (yes) return;
  if (terminal.stdin.isTTY) {
    if (await agrees(options, where, terminal)) return;
    throw new DeployError('nothing was changed', 'choose another context with --context', 2);
  }
  if (environment === 'production' || holds === 'production') {
    throw new DeployError(`${where}: production needs --yes`, 'look at the context, then say --yes', 2);
  }
}

/** The used part of `process`; tests replace it. */
interface Terminal {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: NodeJS.WritableStream;
}

/** What cannot be restored needs more than a letter: the name of the namespace. */
async function agrees(options: Options, where: string, { stdin, stdout }: Terminal): Promise<boolean> {
  const { command, environment, namespace, all } = options;
  const removesAll = command === 'undeploy' && all;
  const act = command === 'deploy' ? `deploy ${environment} to` : 'remove Headgate from';
  const how = removesAll ? ' with all that is listed above? Name the namespace:' : '? [y/N]';
  const lines = createInterface({ input: stdin, output: stdout });
  try {
    const answer = (await lines.question(`${act} ${where}${how} `)).trim().toLowerCase();
    return (removesAll ? [namespace] : ['y', 'yes']).includes(answer);
  } catch (error) {
    if ((error as Error).name !== 'AbortError') throw error;
    throw new DeployError('nothing was changed', 'to go on, run the command again', 130); // Ctrl-C
  } finally {
    lines.close();
  }
}

export function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
