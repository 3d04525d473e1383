import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '@headgate/testkit/root';

/** Where and with what was measured: figures mean nothing without. */
export interface Machine {
  readonly date: string;
  readonly commit: string;
  readonly cpu: string;
  readonly memoryGib: number;
  readonly kernel: string;
  /** Of the last minute before the benchmark. Above a tenth of the cores, other processes were working. */
  readonly loadBefore: number;
  readonly versions: Readonly<Record<string, string>>;
}

export function describeMachine(): Machine {
  const cores = cpus();
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: firstLine('git', ['rev-parse', '--short', 'HEAD']),
    cpu: `${cores.length} × ${cores[0]?.model.trim() || 'unknown CPU'}`,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    loadBefore: loadavg()[0] ?? 0,
    versions: {
      Node: process.versions.node,
      'onnxruntime-node': versionOf('onnxruntime-node'),
      sharp: versionOf('sharp'),
      '@grpc/grpc-js': versionOf('@grpc/grpc-js'),
      hono: versionOf('hono'),
      Envoy: /\/(\d+\.\d+\.\d+)/.exec(firstLine(join(ROOT, '.venv/bin/envoy'), ['--version']))?.[1] ?? '–',
    },
  };
}

/** Where, when and with what was measured. */
export function machineLines(machine: Machine): string {
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`);
  return [
    `Measured on ${machine.date} at commit ${machine.commit}: ${machine.cpu}, ${machine.memoryGib} GiB, Linux ${machine.kernel}; load average before it ${machine.loadBefore.toFixed(2)}.`,
    `${versions.join(', ')}.`,
  ].join('\n');
}

function firstLine(command: string, args: readonly string[]): string {
  const { stdout } = spawnSync(command, args, { cwd: ROOT, encoding: 'utf8', timeout: 10_000 });
  return stdout?.trim().split('\n')[0] || '–';
}

/** Version of an installed package, also when its `exports` hide package.json. */
function versionOf(name: string): string {
  const paths = createRequire(join(ROOT, 'package.json')).resolve.paths(name) ?? [];
  for (const folder of paths) {
    try {
      return (JSON.parse(readFileSync(join(folder, name, 'package.json'), 'utf8')) as { version: string })
        .version;
    } catch {
      // Not in this node_modules folder: look in the next one up.
    }
  }
  return '–';
}
