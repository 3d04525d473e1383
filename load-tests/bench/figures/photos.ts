import { L1, LONE } from '../l1.ts';
import { GRPC_DOOR, headgate, WHOLE_DOOR } from '../peers/headgate.ts';
import { GUARDED, prepare } from '../peers/prepare.ts';
import { withServers } from '../peers/trial.ts';
import {
  type BenchRun,
  CONCURRENCIES,
  doorLoad,
  FULL,
  interleave,
  loopLoad,
  p50,
  ratio,
  type Series,
} from '../series.ts';
import type { Figure, Section } from '../tables.ts';

/** Photos: against the bare loop, against FastAPI as a public service, and alone in the machine. */
export async function photosFigures(run: BenchRun): Promise<Section> {
  const contenders = [headgate(run.dir), await prepare(GUARDED.id, run)];
  const servers = contenders.map((contender) => ({ contender }));
  return await withServers(servers, { classes: undefined }, async (door) => {
    const atEach = (name: string) => CONCURRENCIES.map((callers) => doorLoad(door(name), callers, run));
    const loads = await interleave(
      [
        loopLoad(L1, run),
        loopLoad(LONE, run),
        doorLoad(door(GRPC_DOOR), FULL, run),
        ...atEach(WHOLE_DOOR),
        ...atEach(GUARDED.name),
      ],
      run,
    );
    const of = (name: string) => loads.find((one) => one.name === name) as Series;
    return { figures: figuresOf(of), loads };
  });
}

function figuresOf(of: (name: string) => Series): Figure[] {
  const whole = (callers: number) => of(`${WHOLE_DOOR}, c=${callers}`);
  const bare = of(L1.name);
  return [
    {
      name: `photos: inference by gRPC ÷ L1, c=${FULL}`,
      value: ratio(of(`${GRPC_DOOR}, c=${FULL}`), bare),
      ...{ wanted: 0.92, floor: 0.87, better: 'higher' },
    },
    {
      name: `photos: whole path ÷ L1, c=${FULL}`,
      value: ratio(whole(FULL), bare),
      ...{ wanted: 0.8, floor: 0.75, better: 'higher' },
    },
    ...CONCURRENCIES.map((callers): Figure => {
      const value = ratio(whole(callers), of(`${GUARDED.name}, c=${callers}`));
      const name = `photos: whole path ÷ ${GUARDED.name}, c=${callers}`;
      return { name, value, wanted: 1, floor: 0.9, better: 'higher' };
    }),
    {
      name: 'lone caller: p50 of the whole path ÷ p50 of bare decode and session',
      value: ratio(whole(1), of(LONE.name), p50),
      ...{ wanted: 1.25, floor: 1.35, better: 'lower' },
    },
  ];
}
