import { METRIC } from '@headgate/contracts/names';
import { undocumentedLabels } from '@headgate/testkit/documented-metrics';
import { expect, it } from 'vitest';
import { noRecorder } from '../store/recorder.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { PREDICTION } from '../testing/app-fixture.ts';
import { startShadows } from './start-shadows.ts';

it('counts copied images by their outcome, under the documented names', async () => {
  const metrics = createMetrics();
  const copies = { predict: async () => PREDICTION };
  const readiness = { isReady: () => true };
  const queue = startShadows({ copies, readiness, recorder: noRecorder, metrics });
  const image = { index: 0, image: new Uint8Array(8), top: PREDICTION.top };
  const copy = { id: 'a', model: 'net', version: '1', shadows: ['2'], images: [image], bytes: 8 };
  await new Promise<void>((done) => queue.add(copy, done));
  queue.drop(copy, 'busy');
  const page = await metrics.registry.metrics();
  expect(page).toContain(`${METRIC.shadowImages}{model="net",version="2",outcome="agreed"} 1`);
  expect(page).toContain(`${METRIC.shadowImages}{model="net",version="2",outcome="busy"} 1`);
  expect(page).toContain(`${METRIC.shadowQueueBytes} 0`);
  expect(undocumentedLabels(page)).toEqual([]);
});
