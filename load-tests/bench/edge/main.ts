/**
 * `npm run bench:edge -- [--rounds 9] [--seconds 5]`: what the layers of the gateway cost, in CPU-ms for each request over
 * a bare Hono echo of the same body in the same server. The three servers are measured in turns.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { KEYS } from '../../../gateway/src/testing/app-fixture.ts';
import { within } from '../../../test/e2e/harness/deadline.ts';
import { cpuMsOf } from '../../../test/e2e/harness/processes.ts';
import type { LoadJob } from '../client.ts';
import { type Measured, startWorker } from '../jobs.ts';
import { describeMachine } from '../machine.ts';
import { positive } from '../options.ts';
import { jpegOfAbout } from '../photos.ts';
import { meetsTarget, type Round, reportEdge } from './report.ts';
import { KINDS, type Kind } from './server.ts';

const BODY_BYTES = 30_000;
const CONCURRENCY = 16;
const WARM_MS = 1000;
const START_WITHIN_MS = 20_000;

interface Server {
  readonly kind: Kind;
  readonly child: ChildProcess;
  readonly origin: string;
}

async function startServer(kind: Kind, auditDir: string): Promise<Server> {
  const file = fileURLToPath(new URL('./server.ts', import.meta.url));
  const args = [file, '--kind', kind, '--audit-dir', auditDir];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const said = once(child.stdout, 'data') as Promise<[Buffer]>;
  const [line] = await within(said, { what: `the server ${kind}`, withinMs: START_WITHIN_MS });
  const { port } = JSON.parse(line.toString()) as { port: number };
  return { kind, child, origin: `http://127.0.0.1:${port}` };
}

/** CPU-ms of the server for each of its answers. @throws Error when any request failed */
async function cpuPerRequest(
  server: Server,
  run: (job: LoadJob) => Promise<Measured>,
  { photosDir, durationMs }: { readonly photosDir: string; readonly durationMs: number },
): Promise<number> {
  const pid = server.child.pid as number;
  const target = {
    kind: 'http' as const,
    origin: server.origin,
    path: '/predict',
    caFile: null,
    key: KEYS.bench,
  };
  const before = cpuMsOf(pid);
  const { answered, failures } = await run({
    target,
    photosDir,
    concurrency: CONCURRENCY,
    warmMs: WARM_MS,
    durationMs,
  });
  const failed = Object.entries(failures);
  if (failed.length > 0) throw new Error(`${server.kind}: ${failed.map(String).join('; ')}`);
  const usedMs = cpuMsOf(pid) - before;
  return usedMs / answered;
}

async function measureRounds(rounds: number, durationMs: number): Promise<Round[]> {
  const photosDir = mkdtempSync(join(tmpdir(), 'headgate-edge-'));
  writeFileSync(join(photosDir, 'photo.jpg'), await jpegOfAbout(BODY_BYTES));
  const auditDir = mkdtempSync(join(tmpdir(), 'headgate-edge-audit-'));
  const servers = await Promise.all(KINDS.map((kind) => startServer(kind, auditDir)));
  const client = startWorker<LoadJob>('./client.ts');
  const results: Round[] = [];
  try {
    // The first round warms: it does not count.
    for (let number = 0; number <= rounds; number += 1) {
      const round: Partial<Record<Kind, number>> = {};
      for (const server of servers)
        round[server.kind] = await cpuPerRequest(server, client.run, { photosDir, durationMs });
      if (number > 0) results.push(round as Round);
      console.error(
        `round ${number}/${rounds}  ${KINDS.map((kind) => `${kind} ${round[kind]?.toFixed(3)}`).join('  ')}`,
      );
    }
  } finally {
    client.stop();
    for (const { child } of servers) {
      child.kill();
      await once(child, 'exit');
    }
    for (const dir of [photosDir, auditDir]) rmSync(dir, { recursive: true });
  }
  return results;
}

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '9' }, seconds: { type: 'string', default: '5' } },
});
const machine = describeMachine();
const rounds = await measureRounds(
  Math.max(2, positive('--rounds', values.rounds)),
  positive('--seconds', values.seconds) * 1000,
);
console.log(
  `Measured on ${machine.date} at commit ${machine.commit}: ${machine.cpu}; load average before it ${machine.loadBefore.toFixed(2)}.`,
);
console.log(
  `${rounds.length} rounds in turns, a JPEG of ${BODY_BYTES / 1000} kB, ${CONCURRENCY} requests at a time.\n`,
);
console.log(reportEdge(rounds));
process.exit(meetsTarget(rounds) ? 0 : 1);
