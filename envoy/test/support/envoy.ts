import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Config } from '@headgate/contracts/config/schema';
import { portOf } from '@headgate/contracts/names';
import { readInternalSecret } from '@headgate/runtime/internal-secret';
import { NO_SECRET, testConfig } from '@headgate/testkit/config';
import { eventually } from '@headgate/testkit/eventually';
import { freePortBase } from '@headgate/testkit/ports';
import { makeInternalCertificates, makePublicCertificates } from '../../../scripts/setup/certificates.ts';
import { adminSocket, askAdmin, isEnvoyReady } from '../../src/admin.ts';
import { envoyArguments, envoyEnvironment } from '../../src/process.ts';
import { writeEnvoyConfig } from '../../src/write.ts';

const REPOSITORY = resolve(import.meta.dirname, '../../..');
export const CONFIG_DIR = join(REPOSITORY, 'config');

/** The real binary. Tests fail, rather than skip, where it is missing. */
export function envoyBinary(): string {
  const path = process.env.HEADGATE_ENVOY ?? join(REPOSITORY, '.venv', 'bin', 'envoy');
  if (!existsSync(path))
    throw new Error(`${path} is missing: run npm start or npm test once, or set HEADGATE_ENVOY`);
  return path;
}

/** A directory with certificates and everything that `config` makes Envoy read. */
export class EdgeFiles {
  readonly root = mkdtempSync(join(tmpdir(), 'headgate-envoy-'));
  readonly publicDir = join(this.root, 'state/tls/public');
  readonly internalDir = join(this.root, 'state/tls/internal');

  async makeCertificates(): Promise<void> {
    await makePublicCertificates(this.publicDir);
    await makeInternalCertificates(this.internalDir);
  }

  /** @returns path of Envoy's configuration */
  async write(config: Config): Promise<string> {
    await this.makeCertificates();
    return writeEnvoyConfig(config, this.root);
  }

  readPublic(name: string): string {
    return readFileSync(join(this.publicDir, name), 'utf8');
  }

  readInternal(name: string): string {
    return readFileSync(join(this.internalDir, name), 'utf8');
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Short timeouts: Envoy cuts after 300 ms. */
export const HASTY = {
  HEADGATE_GATEWAY__DEADLINE__DEFAULT_MS: '100',
  HEADGATE_GATEWAY__DEADLINE__MAX_MS: '257',
};

export interface AccessEntry {
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** What a container starts. */
export const RUN = join(import.meta.dirname, '../../src/run.ts');

interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

async function prepare(overrides: Record<string, string>) {
  const variables = { HEADGATE_LISTEN__PORT_BASE: String(await freePortBase()), ...overrides };
  return { variables, config: testConfig(variables), files: new EdgeFiles() };
}

/** A real Envoy on free ports of loopback, with throw-away certificates. Use with `await using`. */
export class TestEnvoy implements AsyncDisposable {
  readonly config: Config;
  readonly files: EdgeFiles;
  readonly #child: ChildProcess;
  #output = '';

  private constructor(config: Config, files: EdgeFiles, { command, args, env }: Launch) {
    this.config = config;
    this.files = files;
    this.#child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
    }
  }

  /** @param overrides configuration as HEADGATE_* variables, on top of the dev layer */
  static async start(overrides: Record<string, string> = {}): Promise<TestEnvoy> {
    const { config, files } = await prepare(overrides);
    return TestEnvoy.#launch(config, files, {
      command: envoyBinary(),
      args: envoyArguments(config, await files.write(config)),
      env: envoyEnvironment(readInternalSecret(config.listen, files.root)),
    });
  }

  /** The same as a container starts it. */
  static async run(overrides: Record<string, string> = {}): Promise<TestEnvoy> {
    const { config, files, variables } = await prepare(overrides);
    await files.makeCertificates();
    return TestEnvoy.#launch(config, files, {
      command: process.execPath,
      args: [RUN],
      env: {
        ...NO_SECRET,
        ...variables,
        HEADGATE_CONFIG_DIR: CONFIG_DIR,
        HEADGATE_ENVOY: envoyBinary(),
        HEADGATE_ROOT: files.root,
      },
    });
  }

  static async #launch(config: Config, files: EdgeFiles, launch: Launch): Promise<TestEnvoy> {
    const envoy = new TestEnvoy(config, files, launch);
    await eventually(async () => {
      if (envoy.hasExited) throw new Error(`Envoy ended: ${envoy.#output}`);
      return isEnvoyReady(envoy.adminSocket, AbortSignal.timeout(1000));
    }, 'Envoy is ready');
    return envoy;
  }

  get adminSocket(): string {
    return adminSocket(this.config, this.files.root);
  }

  /** A page of the admin socket. */
  admin(path: string): Promise<{ status: number; body: string }> {
    return askAdmin(this.adminSocket, path, { signal: AbortSignal.timeout(5000) });
  }

  /** What it has written so far. */
  get output(): string {
    return this.#output;
  }

  get httpsPort(): number {
    return portOf(this.config.listen.port_base, 'https');
  }

  get redirectPort(): number {
    return portOf(this.config.listen.port_base, 'httpRedirect');
  }

  get gatewayPort(): number {
    return portOf(this.config.listen.port_base, 'gateway');
  }

  /** PEM of the CA that signed the public certificate. */
  get ca(): string {
    return this.files.readPublic('ca.crt');
  }

  get hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** The access log entry that fits, once Envoy has written it. */
  accessEntry(fits: (entry: AccessEntry) => boolean): Promise<AccessEntry> {
    return eventually(() => this.#entries().find(fits), 'the access log entry is written');
  }

  #entries(): AccessEntry[] {
    const complete = this.#output.slice(0, this.#output.lastIndexOf('\n') + 1);
    return complete
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as AccessEntry)
      .filter((entry) => entry.msg === 'access');
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Sends a signal. */
  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** @returns its exit code, once it has ended */
  async ended(): Promise<number | null> {
    if (!this.hasExited) await once(this.#child, 'exit');
    return this.#child.exitCode;
  }

  /** Sends SIGTERM and waits for the end. */
  async stop(): Promise<number | null> {
    this.kill('SIGTERM');
    return this.ended();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The second signal ends a drain.
    this.kill('SIGINT');
    await this.stop();
    this.files.remove();
  }
}
