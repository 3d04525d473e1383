import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { goTool } from '@headgate/testkit/tools/go-tool';
import { cacheDir } from '../../scripts/setup/cache.ts';
import { clusterTools } from '../../scripts/setup/cluster-tools.ts';
import { runCommand } from '../../scripts/setup/command.mjs';
import type { Guard } from '../../scripts/setup/guard.mjs';
import { acquireLock } from '../../scripts/setup/lock.mjs';
import { installed } from './machine.ts';

/** A Go module in `tools/`. */
export interface ToolModule {
  readonly folder: string;
  readonly packages: readonly string[];
  readonly ldflags: string;
}

/** Programs whose modules have replacements, so that `go install` does not build them: a tool module repeats those. */
export const MODULES: readonly ToolModule[] = [
  {
    folder: 'kubernetes',
    packages: ['kube-apiserver', 'kube-controller-manager', 'kube-proxy', 'kube-scheduler', 'kubelet'].map(
      (name) => `k8s.io/kubernetes/cmd/${name}`,
    ),
    // Without a version kubelet refuses to work with the API server.
    ldflags: [
      '-X k8s.io/component-base/version.gitVersion=v1.34.4',
      '-X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=34',
      '-X k8s.io/client-go/pkg/version.gitVersion=v1.34.4',
      '-X k8s.io/client-go/pkg/version.gitMajor=1 -X k8s.io/client-go/pkg/version.gitMinor=34',
    ].join(' '),
  },
  {
    folder: 'sealed-secrets',
    packages: ['controller', 'kubeseal'].map((name) => `github.com/bitnami/sealed-secrets/cmd/${name}`),
    ldflags: '',
  },
  { folder: 'pause', packages: ['example.invalid/pause'], ldflags: '' },
];

const TOOLS = [
  { path: 'github.com/coredns/coredns', version: 'v1.15.0' },
  { path: 'github.com/distribution/distribution/v3/cmd/registry', version: 'v3.1.2' },
  { path: 'github.com/cloudnativelabs/kube-router/v2/cmd/kube-router', version: 'v2.1.0' },
  { path: 'sigs.k8s.io/metrics-server/cmd/metrics-server', version: 'v0.9.0' },
] as const;

/** From Debian packages. */
const INSTALLED = ['etcd', 'containerd', 'ctr'] as const;

/** Paths of all programs of the cluster. */
export type Programs = Readonly<Record<ProgramName, string>>;

type ProgramName =
  | 'kube-apiserver'
  | 'kube-controller-manager'
  | 'kube-proxy'
  | 'kube-scheduler'
  | 'kubelet'
  | 'controller'
  | 'kubeseal'
  | 'pause'
  | 'coredns'
  | 'registry'
  | 'kube-router'
  | 'metrics-server'
  | 'kubectl'
  | 'helm'
  | (typeof INSTALLED)[number];

export interface BuildOptions {
  readonly guard: Guard;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

/** Kubernetes alone takes 15 minutes of CPU time when nothing is cached. */
const BUILD_WITHIN_MS = 40 * 60_000;
/** The images of the add-ons hold nothing but the program. */
const STATIC = { CGO_ENABLED: '0' };
const CACHE_DIR = cacheDir();

/** Builds what is missing, once per machine and version, in a folder outside the checkout. */
export async function preparePrograms(options: BuildOptions): Promise<Programs> {
  const programs: Record<string, string> = {};
  for (const name of INSTALLED) programs[name] = installed(name);
  for (const module of MODULES) {
    const dir = await buildModule(module, options);
    for (const path of module.packages) programs[basename(path)] = join(dir, basename(path));
  }
  for (const tool of TOOLS) {
    options.progress(`${basename(tool.path)} ${tool.version}`);
    programs[basename(tool.path)] = await goTool(tool, { ...options, env: STATIC });
  }
  return { ...programs, ...(await clusterTools(options)) } as Programs;
}

/** Builds the programs of a tool module. The folder's name is a hash of everything that decides their content. */
export async function buildModule(
  { folder, packages, ldflags }: ToolModule,
  { guard, signal, progress }: BuildOptions,
): Promise<string> {
  const source = join(import.meta.dirname, 'tools', folder);
  const dir = join(CACHE_DIR, 'k8s', `${folder}-${keyOf(source, [packages, ldflags])}`);
  if (existsSync(dir)) return dir;
  const release = await acquireLock(`${dir}.lock`, {
    signal,
    onWait: (pid) => progress(`process ${pid} builds ${folder}; waiting for it`),
  });
  const building = `${dir}.${process.pid}`;
  try {
    if (existsSync(dir)) return dir;
    progress(`${folder} (minutes, once per machine)`);
    mkdirSync(building, { recursive: true });
    const flags = ['-v', '-trimpath', '-buildvcs=false', '-ldflags', `-s -w ${ldflags}`];
    await runCommand('go', ['build', ...flags, '-o', `${building}/`, ...packages], {
      ...{ cwd: source, guard, signal, env: STATIC, timeoutMs: BUILD_WITHIN_MS, onLine: progress },
    });
    renameSync(building, dir);
    return dir;
  } finally {
    rmSync(building, { recursive: true, force: true });
    release();
  }
}

/** Hash of the files of a folder, and of the flags. */
export function keyOf(source: string, flags: unknown): string {
  const hash = createHash('sha256').update(JSON.stringify(flags));
  for (const file of readdirSync(source).sort()) hash.update(readFileSync(join(source, file)));
  return hash.digest('hex').slice(0, 16);
}

/** Folder of a Go module in the cache of modules. Go verifies the module with its checksum database. */
export async function moduleDir(module: string): Promise<string> {
  const { stdout } = await promisify(execFile)('go', ['mod', 'download', '-json', module], { cwd: '/' });
  return JSON.parse(stdout).Dir;
}
