import { createThrottle, type ThrottleOptions } from '../shedding/throttle.ts';

/** Arrivals of independent callers. */
export interface Load {
  readonly perS: number;
  readonly forMs: number;
}

export interface SimulationOptions {
  readonly policy: Omit<ThrottleOptions, 'clock' | 'random'>;
  /** Answers one request after another, and refuses what finds no room to wait. */
  readonly backend: { readonly capacityPerS: number; readonly room: number };
  readonly loads: readonly Load[];
  readonly random: () => number;
}

/** Outcomes of the requests that arrived during one load. */
export interface Tally {
  offered: number;
  shed: number;
  refused: number;
  /** Answers that were given while the load lasted, whenever their requests came. */
  answered: number;
}

const SERVED = { model: 'net', version: '1', tenant: 'one' };

/** A backend behind a throttle in virtual time: one tally per load. */
export function simulate({ policy, backend, loads, random }: SimulationOptions): Tally[] {
  let nowMs = 0;
  const throttle = createThrottle({ ...policy, clock: { monotonicMs: () => nowMs }, random });
  const runMs = 1000 / backend.capacityPerS;
  let answersAtMs: number[] = [];
  let beginMs = 0;
  return loads.map(({ perS, forMs }) => {
    const tally = { offered: 0, shed: 0, refused: 0, answered: 0 };
    const answerUntil = (untilMs: number) => {
      const waiting = answersAtMs.filter((at) => at > untilMs);
      tally.answered += answersAtMs.length - waiting.length;
      answersAtMs = waiting;
    };
    const endMs = beginMs + forMs;
    for (nowMs = beginMs + gapMs(perS, random); nowMs < endMs; nowMs += gapMs(perS, random)) {
      answerUntil(nowMs);
      tally.offered += 1;
      if (throttle.shed(SERVED)) {
        tally.shed += 1;
        continue;
      }
      const sent = throttle.sent(SERVED);
      if (answersAtMs.length < backend.room) answersAtMs.push((answersAtMs.at(-1) ?? nowMs) + runMs);
      else {
        tally.refused += 1;
        sent.refused(undefined);
      }
    }
    answerUntil(endMs);
    beginMs = endMs;
    return tally;
  });
}

function gapMs(perS: number, random: () => number): number {
  return (-Math.log(1 - random()) * 1000) / perS;
}
