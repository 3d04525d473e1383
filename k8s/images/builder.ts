import { mkdtempDisposableSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandError, runCommand } from '../../scripts/setup/command.mjs';
import type { Guard } from '../../scripts/setup/guard.mjs';
import { isPlain } from './registry.ts';

export interface Surroundings {
  readonly root: string;
  readonly guard: Guard;
  readonly signal: AbortSignal;
}

/** Gets each line that a program prints. */
export type OnLine = (line: string) => void;

export interface BuildOptions {
  readonly dockerfile: string;
  readonly context: string;
  readonly tag: string;
  readonly args: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly onLine: OnLine;
}

/** Programs that build images, in the order in which they are looked for. They take the same Dockerfiles. */
export const BUILDERS = ['buildah', 'podman', 'docker'] as const;
export type BuilderName = (typeof BUILDERS)[number];

const BUILD_WITHIN_MS = 30 * 60_000;
const PUSH_WITHIN_MS = 10 * 60_000;
const ANSWER_WITHIN_MS = 60_000;

/** Builds and pushes images with one of the programs. */
export class Builder {
  readonly name: BuilderName;
  readonly #around: Surroundings;

  constructor(name: BuilderName, around: Surroundings) {
    this.name = name;
    this.#around = around;
  }

  /**
   * The program of HEADGATE_BUILDER, or the first that is installed.
   *
   * @throws Error that names what to install
   */
  static async find(chosen: string | undefined, around: Surroundings): Promise<Builder> {
    const names = BUILDERS.filter((name) => chosen === undefined || name === chosen);
    for (const name of names) {
      const builder = new Builder(name, around);
      if (await builder.#succeeds(['--version'])) return builder;
    }
    const wanted = names.length > 0 ? names.join(', ') : BUILDERS.join(', ');
    throw new Error(
      `no program builds images here; install one of ${wanted} (Debian: apt-get install buildah)`,
    );
  }

  has(tag: string): Promise<boolean> {
    return this.#succeeds(['inspect', '--type', 'image', tag]);
  }

  /** Digest of a local image, which changes with its content. */
  async idOf(tag: string): Promise<string> {
    const field = this.name === 'buildah' ? '{{.FromImageID}}' : '{{.Id}}';
    const lines = await this.#run(['inspect', '--type', 'image', '--format', field, tag], ANSWER_WITHIN_MS);
    return lines.join('').replace('sha256:', '');
  }

  /** Whether it could be pulled, also where an older one is there. */
  pull(image: string): Promise<boolean> {
    const policy = this.name === 'buildah' ? ['--policy', 'always'] : [];
    return this.#succeeds(['pull', ...policy, image]);
  }

  async build({ dockerfile, context, tag, args, labels, onLine }: BuildOptions): Promise<void> {
    const pairs = (flag: string, values: Readonly<Record<string, string>>) =>
      Object.entries(values).flatMap(([key, value]) => [flag, `${key}=${value}`]);
    // Neither needs a daemon; chroot needs no right to make namespaces either. Without times, the same content has the
    // same digest on every machine.
    const daemonless =
      this.name === 'docker' ? [] : ['--layers', '--isolation', 'chroot', '--timestamp', '0'];
    const options = [...daemonless, ...pairs('--build-arg', args), ...pairs('--label', labels)];
    const command = this.name === 'buildah' ? 'bud' : 'build';
    await this.#run([command, ...options, '-f', dockerfile, '-t', tag, context], BUILD_WITHIN_MS, onLine);
  }

  /** Pushes a local image. Returns the digest that the registry knows it by. */
  async push(tag: string, target: string, onLine: OnLine): Promise<string> {
    if (this.name === 'docker') {
      await this.#run(['tag', tag, target], ANSWER_WITHIN_MS);
      const lines = await this.#run(['push', target], PUSH_WITHIN_MS, onLine);
      return digestIn(lines.join('\n'));
    }
    using folder = mkdtempDisposableSync(join(tmpdir(), 'headgate-push-'));
    const file = join(folder.path, 'digest');
    const options = ['--digestfile', file, `--tls-verify=${!isPlain(target)}`];
    await this.#run(['push', ...options, tag, `docker://${target}`], PUSH_WITHIN_MS, onLine);
    return digestIn(readFileSync(file, 'utf8'));
  }

  async #succeeds(args: readonly string[]): Promise<boolean> {
    try {
      await this.#run(args, ANSWER_WITHIN_MS);
      return true;
    } catch (error) {
      this.#around.signal.throwIfAborted();
      if (error instanceof CommandError) return false;
      throw error;
    }
  }

  #run(
    args: readonly string[],
    timeoutMs: number,
    onLine: OnLine = () => undefined,
  ): Promise<readonly string[]> {
    const { root, guard, signal } = this.#around;
    const env = { DOCKER_BUILDKIT: '1' };
    return runCommand(this.name, args, { guard, signal, cwd: root, timeoutMs, env, onLine });
  }
}

function digestIn(text: string): string {
  const [digest] = /sha256:[0-9a-f]{64}/.exec(text) ?? [];
  if (digest === undefined) throw new Error('the push ended without a digest');
  return digest;
}
