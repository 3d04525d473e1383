import { HeadgateError } from '@headgate/contracts/errors';
import { ManualClock } from '@headgate/testkit/manual-clock';
import { beforeEach, describe, expect, it } from 'vitest';
import { RequestDeadline } from '../deadline.ts';
import { fixture } from '../testing/app-fixture.ts';
import { pngHeader } from '../testing/images.ts';
import { Parking, type ParkingOutcome } from './parking.ts';

const NAME = { model: 'net', version: '1' };

let clock: ManualClock;
let ready: ReadonlySet<string>;
let hurried: number;
let left: ParkingOutcome[];

beforeEach(() => {
  clock = new ManualClock();
  [ready, hurried, left] = [new Set(), 0, []];
});

const parkingFor = (parked = 3) =>
  new Parking({
    models: { net: { deployment: 'd', idle_s: 600, parked } },
    readiness: { isReady: (model, version) => ready.has(`${model}/${version}`) },
    hurry: () => void hurried++,
    report: { left: (_, outcome) => void left.push(outcome) },
    nowMs: clock.now,
  });

const deadline = () => new RequestDeadline({ startedAtMs: 0, budgetMs: 10_000 }, clock);

/** Requests that try to enter, in order, and how each one ended. */
function entering(parking: Parking, count: number) {
  const seen: (string | undefined)[] = Array(count).fill('waits');
  const leave: (() => void)[] = [];
  const deadlines = Array.from({ length: count }, deadline);
  const all = deadlines.map((one, i) =>
    parking.enter(NAME, one).then(
      (go) => {
        seen[i] = 'goes';
        leave.push(go);
      },
      (error: HeadgateError) => {
        seen[i] = error.reason;
      },
    ),
  );
  return { seen, leave, deadlines, all };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('a request', () => {
  it('goes on at once where its model is not serverless, or has a pod', async () => {
    const parking = parkingFor();
    await parking.enter({ model: 'other', version: '1' }, deadline());
    ready = new Set(['net/1']);
    await parking.enter(NAME, deadline());
    expect([left, hurried]).toEqual([[], 0]);
  });

  it('waits until its version is ready', async () => {
    const parking = parkingFor();
    const { seen, all } = entering(parking, 1);
    ready = new Set(['net/2']);
    parking.look();
    await turn();
    expect([seen, parking.waiting(), hurried]).toEqual([['waits'], [['net', 1]], 2]);
    ready = new Set(['net/1']);
    parking.look();
    await Promise.all(all);
    expect([seen, parking.waiting(), left, hurried]).toEqual([['goes'], [['net', 0]], ['served'], 2]);
  });

  it('is refused where too many wait', async () => {
    const { seen } = entering(parkingFor(), 4);
    await turn();
    expect([seen, left]).toEqual([['waits', 'waits', 'waits', 'overloaded'], ['refused']]);
  });

  it('ends with its deadline or its client, and makes room', async () => {
    const parking = parkingFor();
    const { seen, deadlines } = entering(parking, 3);
    deadlines[0]?.end(new HeadgateError('deadline_exceeded', 'over'));
    deadlines[2]?.end(new HeadgateError('cancelled', 'gone'));
    await turn();
    expect([seen, left]).toEqual([
      ['deadline_exceeded', 'waits', 'cancelled'],
      ['expired', 'cancelled'],
    ]);
    expect(parking.waiting()).toEqual([['net', 1]]);
    ready = new Set(['net/1']);
    parking.look();
    await turn();
    expect(left).toEqual(['expired', 'cancelled', 'served']);
  });

  it('does not wait when it is over already', async () => {
    const parking = parkingFor();
    const over = deadline();
    over.end(new HeadgateError('cancelled', 'gone'));
    await expect(parking.enter(NAME, over)).rejects.toMatchObject({ reason: 'cancelled' });
    expect(parking.waiting()).toEqual([['net', 0]]);
  });
});

it('a burst goes to the first pod a few at a time, in order, each after an answer', async () => {
  const parking = parkingFor(200);
  const { seen, leave, all } = entering(parking, 200);
  ready = new Set(['net/1']);
  parking.look();
  await turn();
  expect(seen.lastIndexOf('goes')).toBe(7);
  for (let answered = 0; answered < 200; answered++) {
    leave[answered]?.();
    await turn();
    expect(seen.filter((one) => one === 'goes').length).toBeLessThanOrEqual(8 + answered + 1);
  }
  await Promise.all(all);
  expect(new Set(seen)).toEqual(new Set(['goes']));
});

describe('the gateway', () => {
  const photo = { method: 'POST', body: pngHeader(8, 8), headers: { 'content-type': 'image/png' } };

  it('answers a request that waited, by the variant that its unit has', async () => {
    const parking = parkingFor();
    const readiness = { isReady: (model: string, version: string) => ready.has(`${model}/${version}`) };
    const { send, seen } = await fixture({ parking, readiness });
    const headers = { ...photo.headers, 'x-headgate-unit': 'someone' };
    const late = await send('/v2/models/net/infer', {
      ...photo,
      headers: { ...headers, 'x-headgate-timeout-ms': '50' },
    });
    expect([late.status, left]).toEqual([504, ['expired']]);
    const answer = send('/predict', { ...photo, headers });
    await expect.poll(() => parking.waiting()).toEqual([['net', 1]]);
    expect(seen.bodies).toEqual([]);
    ready = new Set(['net/1', 'net/2']);
    parking.look();
    expect(await (await answer).json()).toMatchObject({ variant: 'treatment', version: '2' });
  });

  it('starts no pod for a model that the caller may not use or that is not served', async () => {
    const { send } = await fixture({ parking: parkingFor(), readiness: { isReady: () => false } });
    expect((await send('/v1/models/nothing/predict', photo)).status).toBe(404);
    expect(hurried).toBe(0);
  });
});
