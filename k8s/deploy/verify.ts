import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PeerCertificate } from 'node:tls';
import { HEADER } from '@headgate/contracts/names';
import { parseRouting, type Routing } from '@headgate/contracts/routing';
import { readDocument } from '@headgate/runtime/read-document';
import { assign } from '@headgate/runtime/routing/assign';
import { type Answer, Entry, type EntryOptions, isCertificate, isClosed, type Question } from './entry.ts';
import { DeployError } from './errors.ts';
import type { Programs } from './programs.ts';

const DAY_MS = 86_400_000;
const EXPIRY_WARNING_DAYS = 14;
/** Units that are asked for each variant: enough to see it, few enough for the quota of a minute. */
const UNITS_EACH = 2;
const TRIES = 4;
const PAUSE_MS = 2000;
const LONGEST_WAIT_MS = 60_000;

export interface VerifyOptions extends EntryOptions {
  /** undefined: no photo is sent. */
  readonly key: string | undefined;
  readonly photo: string;
  /** Envoy closes connections from elsewhere than the networks of HEADGATE_ENVOY__BALANCERS. */
  readonly balancersOnly: boolean;
  /** Reads the table that is in force: operators and control change it at any time. */
  readonly routing: () => Promise<string>;
  readonly say: (line: string) => void;
}

type Ask = (question: Question) => Promise<Answer>;

/**
 * Looks from outside, through Envoy's TLS: certificate and name, that a stranger is refused, one photo for units of
 * every variant, and that the quota is counted.
 *
 * @throws DeployError with what is wrong: exit code 1 when Headgate is, 4 when it could not be found out
 */
export async function verify(programs: Programs, options: VerifyOptions): Promise<void> {
  await using entry = new Entry(programs, options);
  await lookThrough((question) => entry.ask(question), options);
}

/** @param send one request to Envoy; it throws when nothing answers */
export async function lookThrough(send: Ask, options: VerifyOptions): Promise<void> {
  const { host, key, balancersOnly, say, signal } = options;
  const ask: Ask = async (question) => {
    try {
      return await send(question);
    } catch (error) {
      signal.throwIfAborted();
      const problem = `Envoy does not answer for ${host}: ${(error as Error).message}`;
      if (isCertificate(error)) throw wrong(problem);
      throw notVerified(problem, balancersOnly && isClosed(error) ? ADMIT_LOOPBACK : undefined);
    }
  };
  const stranger = await ask({ path: '/v1/models' });
  say(`certificate of ${host}, ${describe(stranger.certificate)}`);
  if (stranger.status !== 401)
    throw refused(stranger.status, `a caller without a key is answered with ${stranger.status}, not 401`);
  if (key === undefined) {
    say('no photo was classified: --key-file names an API key');
    return;
  }
  await checkPredictions(ask, key, options);
}

async function checkPredictions(ask: Ask, key: string, options: VerifyOptions): Promise<void> {
  const { say } = options;
  const photo = readFileSync(options.photo);
  const type = options.photo.endsWith('.png') ? 'image/png' : 'image/jpeg';
  const routing = await readRouting(options);
  const left: number[] = [];
  const seen = new Map<string, number>();
  for (const wanted of unitsFor(routing)) {
    const headers = { 'content-type': type, [HEADER.apiKey]: key, [HEADER.unit]: wanted.name };
    const call = () => ask({ path: '/predict', headers, body: photo });
    const { answer, unit } = await settled(call, wanted, options);
    const { model, predictions } = JSON.parse(answer.body);
    const best = predictions?.[0]?.top?.[0];
    if (seen.size === 0)
      say(`${basename(options.photo)} is ${best.label} (${best.score.toFixed(3)}), ${model}`);
    const name = `${unit.variant} (version ${unit.version})`;
    seen.set(name, (seen.get(name) ?? 0) + 1);
    left.push(leftOf(answer));
  }
  const split = [...seen].map(([name, count]) => `${count} of ${name}`).join(', ');
  say(`split: ${split}, each where its unit belongs`);
  if (!isCounted(left)) throw notVerified(`the quota is not counted: ${left.join(', ')} requests were left`);
  const last = left.at(-1);
  say(last === Number.POSITIVE_INFINITY ? 'quota: the key has none' : `quota: ${last} left of this minute`);
}

/**
 * A prediction of the version that the unit belongs to. Gateways may learn of the last pods a moment later, and a quota of
 * few requests a minute may be used up by the deployment before: neither is a failure at the first try.
 *
 * @throws DeployError
 */
async function settled(
  call: () => Promise<Answer>,
  wanted: Unit,
  options: VerifyOptions,
): Promise<{ readonly answer: Answer; readonly unit: Unit }> {
  let unit = wanted;
  for (let tries = TRIES; ; tries--) {
    const answer = await call();
    const found = answer.status === 200 ? JSON.parse(answer.body).version : undefined;
    if (found === unit.version) return { answer, unit };
    if (answer.status === 401 || answer.status === 403) throw unknownKey(answer.status);
    if (tries === 1) {
      if (found === undefined)
        throw refused(answer.status, `the photo is answered with ${answer.status}: ${answer.body.trim()}`);
      throw wrong(
        `${unit.name} belongs to ${unit.variant}, version ${unit.version}, and got version ${found}`,
      );
    }
    const seconds = Number(answer.headers[HEADER.retryAfter] ?? 0);
    const pauseMs = Math.min(seconds * 1000, LONGEST_WAIT_MS) || PAUSE_MS;
    await sleep(pauseMs, undefined, { signal: options.signal });
    unit = unitOf(await readRouting(options), unit.name) ?? unit;
  }
}

const readRouting = async ({ routing }: VerifyOptions) => readDocument(await routing(), parseRouting);

/** True when a request left less than the one before, of a key that has a quota: a new minute may begin between two. */
export function isCounted(left: readonly number[]): boolean {
  const hasNone = left.every((one) => one === Number.POSITIVE_INFINITY);
  return hasNone || left.length < 2 || left.some((one, i) => one < (left[i - 1] ?? 0));
}

/** Requests that the quota leaves; infinite without one. */
function leftOf({ headers }: Answer): number {
  const [, left] = /;\s*r=(\d+)/.exec(String(headers[HEADER.rateLimit] ?? '')) ?? [];
  return left === undefined ? Number.POSITIVE_INFINITY : Number(left);
}

interface Unit {
  readonly name: string;
  readonly variant: string;
  readonly version: string;
}

/** Units of which the table says the variant, some for each. */
export function* unitsFor(routing: Routing): Generator<Unit> {
  const experiment = routing.models[routing.default_model]?.experiment;
  if (experiment === undefined) return;
  for (const wanted of experiment.variants.filter(({ weight }) => weight > 0)) {
    let found = 0;
    // The smallest weight is 0.01 %: one of 10,000 units.
    for (let i = 0; found < UNITS_EACH && i < 200_000; i++) {
      const name = `deploy-${i}`;
      if (assign(experiment, name).name !== wanted.name) continue;
      found++;
      yield { name, variant: wanted.name, version: wanted.version };
    }
  }
}

function unitOf(routing: Routing, name: string): Unit | undefined {
  const experiment = routing.models[routing.default_model]?.experiment;
  if (experiment === undefined) return undefined;
  const variant = assign(experiment, name);
  return { name, variant: variant.name, version: variant.version };
}

function describe({ issuer, valid_to }: PeerCertificate): string {
  const days = Math.floor((Date.parse(valid_to) - Date.now()) / DAY_MS);
  const warning = days < EXPIRY_WARNING_DAYS ? ': renew it' : '';
  return `issued by ${issuer.CN}, valid for ${days} days${warning}`;
}

const wrong = (problem: string) =>
  new DeployError(problem, 'kubectl logs -l app.kubernetes.io/component=gateway has the cause');

/** What was deployed is not to blame, so it stays. */
export const notVerified = (problem: string, remedy = 'run the command again: it only looks once more') =>
  new DeployError(`it is deployed, and could not be verified: ${problem}`, remedy, 4);

const ADMIT_LOOPBACK =
  'add 127.0.0.1/32 to HEADGATE_ENVOY__BALANCERS: kubectl port-forward, which this check goes through, connects from there';

const unknownKey = (status: number) =>
  notVerified(
    `the API key is answered with ${status}, so no photo was classified`,
    'name a key of the Secret headgate-keys with --key-file',
  );

/** 4xx is about the request: too many of them, or a photo that the model refuses. */
const refused = (status: number, problem: string) =>
  status >= 400 && status < 500 ? notVerified(problem) : wrong(problem);
