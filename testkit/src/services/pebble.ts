import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { createAuthority, writeAll } from '../../../scripts/setup/certificates.ts';
import { CommandError, runCommand } from '../../../scripts/setup/command.mjs';
import { createGuard } from '../../../scripts/setup/guard.mjs';
import { eventually } from '../eventually.ts';
import { freePort } from '../ports.ts';
import { ROOT } from '../root.ts';
import { goTool } from '../tools/go-tool.ts';
import { cachedVenv } from '../tools/venv.ts';
import { startDns } from './dns.ts';

/** Its program. */
export const PEBBLE = { path: 'github.com/letsencrypt/pebble/v2/cmd/pebble', version: 'v2.10.3' };
const REQUIREMENTS = join(ROOT, 'test/security/requirements/certbot.txt');
const CERTBOT_WITHIN_MS = 60_000;

/** Builds and installs missing programs; the first time takes minutes. @returns their paths */
export async function acmePrograms(): Promise<{ readonly pebble: string; readonly certbot: string }> {
  const guard = createGuard();
  const signal = AbortSignal.timeout(15 * 60_000);
  const python = join(ROOT, '.venv/bin/python');
  const options = { name: 'certbot', requirements: REQUIREMENTS, python, guard, signal };
  try {
    const pebble = await goTool(PEBBLE, { guard, signal });
    const venv = await cachedVenv({ ...options, progress: () => undefined });
    return { pebble, certbot: join(dirname(venv), 'certbot') };
  } finally {
    await guard.close();
  }
}

export interface Pebble extends AsyncDisposable {
  /** host:port of its name server. */
  readonly dns: string;
  /** URL of the ACME directory. */
  readonly directory: string;
  /** PEM file of the authority that signed the server's own certificate. */
  readonly caFile: string;
  /** PEM of the root under which it issues certificates. */
  root(): Promise<string>;
}

export interface PebbleOptions {
  readonly dir: string;
  /** Replaces port 80 of each name. */
  readonly challengePort: number;
  /** IPv4 address at which it listens; loopback unless set. */
  readonly host?: string;
  /** IPv4 address of every name; loopback unless set. */
  readonly answer?: string;
}

/**
 * Let's Encrypt's ACME server for tests. It resolves every name to one address and validates every challenge, without
 * reuse of earlier authorizations.
 */
export async function startPebble(program: string, options: PebbleOptions): Promise<Pebble> {
  const { dir, challengePort, host = '127.0.0.1', answer } = options;
  const dns = await startDns({ host, ...(answer && { answer }) });
  const [port, managementPort] = [await freePort(), await freePort()];
  const authority = await createAuthority('Pebble itself');
  const own = await authority.issue(host, 'server');
  writeAll(dir, {
    'pebble.crt': own.certificate,
    'pebble.key': own.key,
    'pebble-ca.crt': authority.certificate,
  });
  const config = {
    listenAddress: `${host}:${port}`,
    managementListenAddress: `127.0.0.1:${managementPort}`,
    certificate: join(dir, 'pebble.crt'),
    privateKey: join(dir, 'pebble.key'),
    httpPort: challengePort,
    tlsPort: 1,
    ocspResponderURL: '',
    externalAccountBindingRequired: false,
  };
  const configFile = join(dir, 'pebble.json');
  writeFileSync(configFile, JSON.stringify({ pebble: config }));
  const env = { PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '0', PEBBLE_AUTHZREUSE: '0' };
  const args = ['-config', configFile, '-dnsserver', dns.address, '-strict'];
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = outputOf(child);
  const ca = authority.certificate;
  const fetch = (url: string) => fetchText(url, ca);
  const directory = `https://${host}:${port}/dir`;
  await eventually(() => {
    if (child.exitCode !== null) throw new Error(`pebble ended: ${output()}`);
    return fetch(directory).catch(() => undefined);
  }, 'pebble answers');
  return {
    dns: dns.address,
    directory,
    caFile: join(dir, 'pebble-ca.crt'),
    root: () => fetch(`https://127.0.0.1:${managementPort}/roots/0`),
    async [Symbol.asyncDispose]() {
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      await exit;
      await dns[Symbol.asyncDispose]();
    },
  };
}

export interface CertbotOptions {
  /** Folder of its account, certificates and log. */
  readonly dir: string;
  readonly pebble: Pebble;
  /** Added to its environment and that of its hooks. */
  readonly env: Readonly<Record<string, string>>;
}

/** Runs certbot to its end. @throws Error with the end of its output */
export async function certbot(
  program: string,
  args: readonly string[],
  { dir, pebble, env }: CertbotOptions,
): Promise<void> {
  const guard = createGuard();
  const own = ['config', 'work', 'logs'].flatMap((name) => [`--${name}-dir`, join(dir, name)]);
  try {
    await runCommand(program, [...args, '--non-interactive', ...own], {
      cwd: dir,
      guard,
      signal: AbortSignal.timeout(CERTBOT_WITHIN_MS),
      timeoutMs: CERTBOT_WITHIN_MS,
      env: { ...env, REQUESTS_CA_BUNDLE: pebble.caFile },
    });
  } catch (error) {
    if (error instanceof CommandError) throw new Error(error.tail.join('\n'), { cause: error });
    throw error;
  } finally {
    await guard.close();
  }
}

function outputOf(child: ChildProcess): () => string {
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (piece: string) => {
      output = `${output}${piece}`.slice(-4000);
    });
  }
  return () => output;
}

async function fetchText(url: string, ca: string): Promise<string> {
  const [response] = await once(get(url, { ca, agent: false }), 'response');
  return text(response);
}
