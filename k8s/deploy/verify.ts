import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PeerCertificate } from 'node:tls';
import { HEADER } from '@headgate/contracts/names';
import { parseRouting, type Routing } from '@headgate/contracts/routing';
import { parseYaml } from '@headgate/runtime/parse-yaml';
import { assign } from '../../gateway/src/routing/assign.ts';
import { type Answer, Entry, type EntryOptions, type Question } from './entry.ts';
import { DeployError } from './errors.ts';
import type { Programs } from './programs.ts';

const DAY_MS = 86_400_000;
const EXPIRY_WARNING_DAYS = 14;
/** Units that are asked for each variant: enough to see it, few enough for the quota of a minute. */
const UNITS_EACH = 2;
const LONGEST_WAIT_S = 60;

export interface VerifyOptions extends EntryOptions {
  /** undefined: no photo is sent. */
  readonly key: string | undefined;
  readonly photo: string;
  readonly routing: string;
  readonly say: (line: string) => void;
}

type Ask = (question: Question) => Promise<Answer>;

/**
 * Looks from outside, through Envoy's TLS: certificate and name, that a stranger is refused, one photo for units of
 * every variant, and that the quota is counted.
 *
 * @throws DeployError with what is wrong
 */
export async function verify(programs: Programs, options: VerifyOptions): Promise<void> {
  const { host, key, say } = options;
  await using entry = new Entry(programs, options);
  const ask: Ask = async (question) => {
    try {
      return await entry.ask(question);
    } catch (error) {
      throw wrong(`Envoy does not answer for ${host}: ${(error as Error).message}`);
    }
  };
  const stranger = await ask({ path: '/v1/models' });
  say(`certificate of ${host}, ${describe(stranger.certificate)}`);
  if (stranger.status !== 401)
    throw wrong(`a caller without a key is answered with ${stranger.status}, not 401`);
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
  const routing = parseRouting(parseYaml(options.routing));
  let before = Number.POSITIVE_INFINITY;
  const seen = new Map<string, number>();
  for (const { unit, variant, version } of unitsFor(routing)) {
    const headers = { 'content-type': type, [HEADER.apiKey]: key, [HEADER.unit]: unit };
    const answer = await patiently(() => ask({ path: '/predict', headers, body: photo }));
    if (answer.status !== 200)
      throw wrong(`the photo is answered with ${answer.status}: ${answer.body.trim()}`);
    const found = JSON.parse(answer.body);
    const best = found.predictions?.[0]?.top?.[0];
    if (seen.size === 0) say(`${options.photo} is ${best.label} (${best.score.toFixed(3)}), ${found.model}`);
    if (found.version !== version) {
      throw wrong(`${unit} belongs to ${variant}, version ${version}, and got version ${found.version}`);
    }
    seen.set(`${variant} (version ${version})`, (seen.get(`${variant} (version ${version})`) ?? 0) + 1);
    before = checkQuota(answer, before);
  }
  say(
    `split: ${[...seen].map(([name, count]) => `${count} of ${name}`).join(', ')}, each where its unit belongs`,
  );
  say(Number.isFinite(before) ? `quota: ${before} left of this minute` : 'quota: the key has none');
}

/** A quota of few requests a minute may be used up by the deployment before: it is waited for, once. */
async function patiently(call: () => Promise<Answer>): Promise<Answer> {
  const answer = await call();
  const seconds = Number(answer.headers[HEADER.retryAfter]);
  if (answer.status !== 429 || !(seconds <= LONGEST_WAIT_S)) return answer;
  await sleep(seconds * 1000);
  return call();
}

/** Units of which the table says the variant, some for each. */
export function* unitsFor(routing: Routing): Generator<{ unit: string; variant: string; version: string }> {
  const experiment = routing.models[routing.default_model]?.experiment;
  if (experiment === undefined) return;
  for (const wanted of experiment.variants.filter(({ weight }) => weight > 0)) {
    let found = 0;
    // The smallest weight is 0.01 %: one of 10,000 units.
    for (let i = 0; found < UNITS_EACH && i < 200_000; i++) {
      const unit = `deploy-${i}`;
      if (assign(experiment, unit).name !== wanted.name) continue;
      found++;
      yield { unit, variant: wanted.name, version: wanted.version };
    }
  }
}

/** @returns requests left, which must be fewer than before; infinite for a key without a quota */
function checkQuota({ headers }: Answer, before: number): number {
  const [, left] = /;\s*r=(\d+)/.exec(String(headers[HEADER.rateLimit] ?? '')) ?? [];
  if (left === undefined) return before;
  if (Number(left) >= before)
    throw wrong(`the quota is not counted: ${left} requests are left after ${before}`);
  return Number(left);
}

function describe({ issuer, valid_to }: PeerCertificate): string {
  const days = Math.floor((Date.parse(valid_to) - Date.now()) / DAY_MS);
  const warning = days < EXPIRY_WARNING_DAYS ? ': renew it' : '';
  return `issued by ${issuer.CN}, valid for ${days} days${warning}`;
}

const wrong = (problem: string) =>
  new DeployError(problem, 'kubectl logs -l app.kubernetes.io/component=gateway has the cause');
