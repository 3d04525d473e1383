import { samplesOf } from '@headgate/runtime/exposition';
import { expect, it } from 'vitest';
import { render } from '../chart/test/render.ts';
import { COUNTED, countIn, isWorse, refuseOthers, refuseUnknown, watchCanary } from './canary.ts';
import { DeployError } from './errors.ts';
import { FakePrograms, failure } from './fake-programs.ts';

const pod = (name: string, restartCount = 0) => ({
  metadata: { name, uid: `uid of ${name}` },
  status: {
    phase: 'Running',
    conditions: [{ type: 'Ready', status: 'True' }],
    containerStatuses: [{ name: 'gateway', ready: true, restartCount }],
  },
});
const list = (...items: object[]) => JSON.stringify({ items });
const page = (requests: number, failures: number) =>
  [
    `headgate_http_requests_total{status="200"} ${requests - failures}`,
    `headgate_http_requests_total{status="500"} ${failures}`,
  ].join('\n');

/** kubectl that says one thing after the other to a command; the last one for good. */
class Script extends FakePrograms {
  readonly #said: Readonly<Record<string, (string | Error)[]>>;

  constructor(said: Record<string, (string | Error)[]>) {
    super();
    this.#said = said;
  }

  override async kubectl(args: readonly string[]): Promise<string> {
    const command = args.join(' ');
    const [, answers = []] = Object.entries(this.#said).find(([words]) => command.includes(words)) ?? [];
    const answer = (answers.length > 1 ? answers.shift() : answers[0]) ?? '';
    if (answer instanceof Error) throw answer;
    return answer;
  }
}

const CANARIES = 'component=gateway-canary,';
const GATEWAYS = 'component=gateway,';

/** Looks once after the beginning. By default the canary answers 30 requests well, and a gateway 300. */
function watchOnce(said: Record<string, (string | Error)[]>) {
  const all = {
    [CANARIES]: [list(pod('new'))],
    [GATEWAYS]: [list(pod('old'))],
    'exec new': [page(10, 0), page(40, 0)],
    'exec old': [page(100, 9), page(400, 9)],
    ...said,
  };
  const { signal } = new AbortController();
  return watchCanary({ programs: new Script(all), signal }, 0, () => undefined);
}

it('tells what the canary and the others answered meanwhile', async () => {
  const others = { requests: 300, failures: 0 };
  expect(await watchOnce({})).toEqual({ canary: { requests: 30, failures: 0 }, others });
});

it('refuses a canary that was started again, and is ready at each look', async () => {
  const once = list(pod('new', 1));
  const log = 'Segmentation fault';
  const watched = watchOnce({ [CANARIES]: [list(pod('new')), list(pod('new')), once], 'logs new': [log] });
  await expect(watched).rejects.toThrow(`new: gateway was started again; its log ends with: ${log}`);
  await watchOnce({ [CANARIES]: [once] });
});

it('counts the gateways that were there all the time, not one that comes or goes', async () => {
  const { others } = await watchOnce({
    [GATEWAYS]: [list(pod('old'), pod('goes')), list(pod('old'), pod('comes'))],
    'exec goes': [page(500, 100)],
    'exec comes': [page(50, 20)],
  });
  expect(others).toEqual({ requests: 300, failures: 0 });
});

it('does not take metrics that cannot be read for zero', async () => {
  const lost = failure('the connection to the server was lost');
  const others = { requests: 300, failures: 0 };
  const again = {
    'exec old': [lost, page(100, 9), page(400, 9)],
    'get pod old': [JSON.stringify(pod('old'))],
  };
  expect(await watchOnce(again)).toMatchObject({ others });
  expect(await watchOnce({ [GATEWAYS]: [list(pod('old'), pod('gone'))], 'exec gone': [lost] })).toMatchObject(
    { others },
  );
  const never = { 'exec new': [page(10, 0), lost], 'get pod new': [JSON.stringify(pod('new'))] };
  await expect(watchOnce(never)).rejects.toThrow(/cannot be judged: the metrics of new .* was lost/);
});

it('counts the answers of a canary by status', () => {
  const page = [
    '# TYPE headgate_http_requests_total counter',
    'headgate_http_requests_total{route="/predict",status="200"} 90',
    'headgate_http_requests_total{route="/predict",status="429"} 5',
    'headgate_http_requests_total{route="/predict",status="503"} 4',
    'headgate_http_requests_total{route="/v1/models",status="500"} 1',
  ].join('\n');
  expect(countIn(samplesOf(page, COUNTED))).toEqual({ requests: 100, failures: 5 });
});

it('calls a canary worse when it fails more often than the others, by more than chance', () => {
  const rest = { requests: 900, failures: 9 };
  expect(isWorse({ requests: 100, failures: 2 }, rest)).toBe(false);
  expect(isWorse({ requests: 100, failures: 3 }, rest)).toBe(true);
  expect(isWorse({ requests: 100, failures: 30 }, { requests: 900, failures: 300 })).toBe(false);
  expect(isWorse({ requests: 3, failures: 3 }, { requests: 0, failures: 0 })).toBe(true);
});

it('says nothing of a canary with few requests: 2 of 2 may have failed', () => {
  expect(() => refuseUnknown({ requests: 2, failures: 2 })).toThrow('2 requests, too few');
  expect(() => refuseUnknown({ requests: 0, failures: 0 })).toThrow(DeployError);
  refuseUnknown({ requests: 20, failures: 0 });
});

it('tries a canary alone: not with another configuration or chart', async () => {
  const before = await render('staging');
  const canary = {
    'gateway.canary.enabled': true,
    'gateway.canary.image.digest': `sha256:${'a'.repeat(64)}`,
  };
  const stage = await render('staging', canary);
  expect(stage.length).toBeGreaterThan(before.length);
  refuseOthers(before, stage);
  refuseOthers(stage, before);
  const changed = await render('staging', { ...canary, 'gateway.terminationGracePeriodSeconds': 77 });
  expect(() => refuseOthers(before, changed)).toThrow('would change deployment/headgate-gateway');
});
