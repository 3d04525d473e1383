import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Config } from '@headgate/contracts/config/schema';
import { portOf } from '@headgate/contracts/names';
import { readInternalSecret } from '@headgate/runtime/internal-secret';
import { testConfig } from '@headgate/testkit/config';
import { eventually } from '@headgate/testkit/eventually';
import { freePortBase } from '@headgate/testkit/ports';
import { makeInternalCertificates, makePublicCertificates } from '../../../scripts/setup/certificates.ts';
import { adminSocket, askAdmin, isEnvoyReady } from '../../src/admin.ts';
import { envoyArguments, envoyEnvironment } from '../../src/process.ts';
import { renderEnvoy, renderSds } from '../../src/render.ts';
import { writeFiles } from '../../src/write.ts';

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
  readonly configPath = join(this.root, 'state/envoy/envoy.json');

  async makeCertificates(): Promise<void> {
    await makePublicCertificates(this.publicDir);
    await makeInternalCertificates(this.internalDir);
  }

  async write(config: Config): Promise<void> {
    await this.makeCertificates();
    const { root } = this;
    const main = { path: this.configPath, text: renderEnvoy(config, { root }) };
    writeFiles([...renderSds(config, { root }), main]);
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

/** A real Envoy on free ports of loopback, with throw-away certificates. Use with `await using`. */
export class TestEnvoy implements AsyncDisposable {
  readonly config: Config;
  readonly files: EdgeFiles;
  readonly #child: ChildProcess;
  #output = '';

  private constructor(config: Config, files: EdgeFiles) {
    this.config = config;
    this.files = files;
    this.#child = spawn(envoyBinary(), envoyArguments(config, files.configPath), {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...envoyEnvironment(readInternalSecret(config.listen, files.root)) },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
    }
  }

  /** @param overrides configuration as HEADGATE_* variables, on top of the dev layer */
  static async start(overrides: Record<string, string> = {}): Promise<TestEnvoy> {
    const config = testConfig({ HEADGATE_LISTEN__PORT_BASE: String(await freePortBase()), ...overrides });
    const files = new EdgeFiles();
    await files.write(config);
    const envoy = new TestEnvoy(config, files);
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

  /** Sends SIGTERM and waits for the end. */
  async stop(): Promise<number | null> {
    if (!this.hasExited) {
      const exit = once(this.#child, 'exit');
      this.#child.kill('SIGTERM');
      await exit;
    }
    return this.#child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    this.files.remove();
  }
}
