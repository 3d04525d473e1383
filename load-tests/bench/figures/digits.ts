import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '@headgate/testkit/root';
import { L1 } from '../l1.ts';
import { headgate, WHOLE_DOOR } from '../peers/headgate.ts';
import { prepare } from '../peers/prepare.ts';
import { withServers } from '../peers/trial.ts';
import { type BenchRun, cpuPerAnswer, doorLoad, interleave, loopLoad, ratio } from '../series.ts';
import type { Section } from '../tables.ts';

const CALLERS = 64;
const MODEL = join(ROOT, 'models/digits/1');
/** The peers' code with the preprocessing of the digits model. */
const PEER_ENV = {
  PEER_MODEL: join(MODEL, 'model.onnx'),
  PEER_LABELS: join(MODEL, 'labels.json'),
  PEER_SIDE: '8',
  PEER_CROP: '1',
  PEER_MODE: 'L',
};

/** The cost of the platform itself: a model whose run takes next to nothing. */
export async function digitsFigures(run: BenchRun): Promise<Section> {
  const photosDir = join(run.dir, 'digits');
  mkdirSync(photosDir);
  copyFileSync(join(ROOT, 'samples/digit-7.png'), join(photosDir, 'digit-7.png'));
  const servers = [
    { contender: headgate(run.dir, 'digits') },
    { contender: await prepare('fastapi', run), env: PEER_ENV },
  ];
  return await withServers(servers, { photosDir, classes: undefined }, async (doors) => {
    const [whole, reference, bare] = await interleave(
      [
        doorLoad(doors(WHOLE_DOOR), CALLERS, run, photosDir),
        doorLoad(doors('FastAPI'), CALLERS, run, photosDir),
        loopLoad(L1, run),
      ],
      run,
    );
    if (!whole || !reference || !bare) throw new Error('expected three series');
    return {
      figures: [
        {
          name: `digits: whole path over HTTPS with key ÷ FastAPI over HTTP, c=${CALLERS}`,
          value: ratio(whole, reference),
          ...{ wanted: 0.5, floor: 0.3, better: 'higher' },
        },
        {
          name: 'digits: CPU-ms per request of the whole path ÷ CPU-ms per photo of L1',
          value: ratio(whole, bare, cpuPerAnswer),
          ...{ wanted: 0.18, floor: 0.27, better: 'lower' },
        },
      ],
      loads: [whole, reference, bare].map((one) => ({ ...one, name: `digits: ${one.name}` })),
    };
  });
}
