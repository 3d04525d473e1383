import { deepEqual, equal } from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { ExperimentReport } from '@headgate/contracts/admin/api';
import { HEADER } from '@headgate/contracts/names';
import { eventually, secondsSince } from '@headgate/testkit/eventually';
import { sendAll } from '@headgate/testkit/load';
import { samplePhoto } from '@headgate/testkit/photos';
import { logIn } from '../operator.ts';
import type { Context, Scenario } from '../scenario.ts';
import { holderOf } from './leader.ts';
import { tableOf, useTable } from './routing.ts';

const UNITS = 60;
const REQUESTS_EACH = 4;
const AT_ONCE = 4;
/** Spools of three gateways, and the age of a report. */
const COUNTED_MS = 30_000;
const PHOTO = samplePhoto('digit-7.png');

/** What the clients know of one variant. */
type Count = Record<'units' | 'requests' | 'judged' | 'right', number>;

/** Predictions and feedback enter through Envoy; the report comes from control, which reads PostgreSQL. */
export const experiment: Scenario = {
  name: 'experiment',
  title: 'The report of an experiment counts each prediction and feedback sent, from PostgreSQL',
  withinMs: 120_000,
  async run(context) {
    const { figure, progress } = context;
    const name = `counted-${randomBytes(3).toString('hex')}`;
    await useTable(context, tableOf(50, 50, name));
    progress('sending');
    const sent = await send(context);
    const startMs = performance.now();
    const operator = await logIn(context, (await holderOf(context)) ?? '');
    progress('waiting for the report');
    await eventually(
      async () => {
        const report = await operator.ask<ExperimentReport>('GET', `/experiments/digits?experiment=${name}`);
        deepEqual(countsIn(report), sent);
        return true;
      },
      { what: 'a report of all that was sent', withinMs: COUNTED_MS, everyMs: 500 },
    );
    figure('report complete after', secondsSince(startMs));
    for (const [variant, { units, requests, judged }] of Object.entries(sent))
      figure(variant, `${units} units, ${requests} requests, ${judged} judgements`);
  },
};

/** Sends each unit's photos, and a judgement of its first one: every third says that the answer is wrong. */
async function send(context: Context): Promise<Record<string, Count>> {
  const client = context.client('http2');
  context.cleanUp(async () => client.close());
  const post = async (path: string, headers: Record<string, string>, body: Buffer) => {
    const call = { path, headers: { ...headers, [HEADER.apiKey]: context.key }, body };
    const { status, text } = await client.post(call, context.signal);
    return { status, body: JSON.parse(text) as { id: string; variant: string } };
  };
  const counts: Record<string, Count> = {};
  await sendAll(AT_ONCE, UNITS, async (index) => {
    const headers = { 'content-type': PHOTO.type, [HEADER.unit]: `counted-${index}` };
    const [first, ...others] = await sendAll(1, REQUESTS_EACH, () => post('/predict', headers, PHOTO.bytes));
    const { id = '', variant = '' } = first?.body ?? {};
    for (const { status, body } of [...others]) deepEqual([status, body.variant], [200, variant]);
    const label = index % 3 === 0 ? '1' : '7';
    const judgement = Buffer.from(JSON.stringify({ prediction_id: id, index: 0, label }));
    const said = await post('/v1/feedback', { 'content-type': 'application/json' }, judgement);
    equal(said.status, 202);
    counts[variant] ??= { units: 0, requests: 0, judged: 0, right: 0 };
    const count = counts[variant];
    count.units += 1;
    count.requests += REQUESTS_EACH;
    count.judged += 1;
    if (label === '7') count.right += 1;
  });
  return counts;
}

/** The same, as the report has it. */
function countsIn({ variants, metrics }: ExperimentReport): Record<string, Count> {
  const accuracy = metrics.find(({ metric }) => metric === 'accuracy');
  return Object.fromEntries(
    variants.map(({ name, units, requests }, index) => {
      const of = index === 0 ? accuracy?.control : accuracy?.comparisons[index - 1];
      const { units: judged = 0, value = 0 } = of ?? {};
      return [name, { units, requests, judged, right: Math.round((value ?? 0) * judged) }];
    }),
  );
}
