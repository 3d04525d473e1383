import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '@headgate/testkit/eventually';
import { freePortBase } from '@headgate/testkit/ports';
import { ROOT } from '@headgate/testkit/root';
import { median, percentile } from '@headgate/testkit/stats';
import { build } from '../../../scripts/build.mjs';
import { readDevKeys } from '../../../scripts/setup/keys.ts';
import { gatewayOrigin, spawnGateway, spawnNullUpstream } from '../gateway-process.ts';
import type { Door } from '../peers/contender.ts';
import { DEFAULT_MODEL } from '../peers/headgate.ts';
import { loadPhotos, PHOTOS_DIR } from '../photos.ts';
import { openSender } from '../send.ts';
import { type BenchRun, doorLoad, interleave, type Run, type Series } from '../series.ts';
import type { Figure, Section } from '../tables.ts';

const READY_WITHIN_MS = 20_000;
const UPSTREAM_DELAY_MS = 40;
const CALLERS = 16;
/** 32 kB. */
const PHOTO = 'rocket-small.jpg';

/** What the built gateway, all layers on, adds to an upstream that answers after 40 ms by timer. */
export async function gatewayFigures(run: BenchRun): Promise<Section> {
  await build(ROOT);
  const photosDir = join(run.dir, 'one-photo');
  mkdirSync(photosDir);
  copyFileSync(join(PHOTOS_DIR, PHOTO), join(photosDir, PHOTO));
  const upstream = await spawnNullUpstream(UPSTREAM_DELAY_MS);
  const portBase = await freePortBase();
  const gateway = spawnGateway({ portBase, dir: run.dir, upstreamPort: upstream.port });
  const key = readDevKeys(ROOT).bench;
  const direct: Door = {
    name: 'null upstream, gRPC',
    target: { kind: 'grpc', address: `127.0.0.1:${upstream.port}`, model: DEFAULT_MODEL, version: '1' },
    processes: () => [{ pid: upstream.pid, part: 'front' }],
  };
  const through: Door = {
    name: 'gateway before the null upstream',
    target: { kind: 'http', origin: gatewayOrigin(portBase), path: '/predict', key, caFile: null },
    processes: () => [{ pid: gateway.pid, part: 'gateway' }, ...direct.processes()],
  };
  try {
    await eventually(() => answers(through, photosDir), { what: 'the gateway', withinMs: READY_WITHIN_MS });
    const doors = [direct, through].map((door) => doorLoad(door, CALLERS, run, photosDir));
    const loads = await interleave(doors, run);
    return { figures: [50, 99].map((p) => addedAt(p, loads)), loads };
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
}

async function answers({ target }: Door, photosDir: string): Promise<boolean> {
  const { send, close } = openSender(target, loadPhotos(photosDir), 1);
  const outcome = await send(0);
  close();
  return outcome === 'ok';
}

/** The median over the rounds of the difference to the direct calls of the same round. */
function addedAt(p: number, [direct, through]: readonly Series[]): Figure {
  if (!direct || !through) throw new Error('expected two series');
  const at = ({ measured }: Run) => percentile(measured.latencies, p);
  return {
    name: `gateway adds at c=${CALLERS} (upstream ${UPSTREAM_DELAY_MS} ms), p${p}`,
    value: median(through.runs.map((run, round) => at(run) - at(direct.runs[round] as Run))),
    ...{ wanted: p === 50 ? 1.5 : 5, better: 'lower', unit: ' ms' },
  };
}
