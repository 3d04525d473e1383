import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createGuard, type Guard } from '../../scripts/setup/guard.mjs';
import { eventually } from '../../test/e2e/harness/deadline.ts';
import { descendantsOf } from '../../test/e2e/harness/processes.ts';
import { startInference } from './inference-process.ts';

let guard: Guard;
let dir: string;
beforeAll(() => {
  guard = createGuard();
  dir = mkdtempSync(join(tmpdir(), 'headgate-bench-test-'));
});
afterAll(async () => {
  await guard.close();
  rmSync(dir, { recursive: true });
});

/** Processes of inference and its engines that this one started. */
const left = () => descendantsOf(process.pid).filter(({ command }) => /inference\/src\//.test(command));

/** A routing table with a version that is not there, beside one that is; returns `path`. */
function neverReady(path: string): string {
  const variants = [{ name: 'control', version: '1', weight: 100 }];
  const digits = { versions: ['1', '999'], experiment: { name: 'digits', salt: 'digits', variants } };
  writeFileSync(path, JSON.stringify({ schema: 1, default_model: 'digits', models: { digits } }));
  return path;
}

it('leaves nothing behind when inference refuses to start', async () => {
  const env = { HEADGATE_INFERENCE__EXECUTION__REQUIRE: 'cuda' };
  const started = startInference(env, { guard, signal: new AbortController().signal });
  await expect(started).rejects.toThrow('inference ended before it was ready');
  expect(left()).toEqual([]);
});

it('leaves nothing behind, engines included, when it is stopped before inference is ready', async () => {
  const stop = new AbortController();
  const env = { HEADGATE_ROUTING_FILE: neverReady(join(dir, 'routing.yaml')) };
  const started = startInference(env, { guard, signal: stop.signal });
  started.catch(() => {});
  const engines = () => left().some(({ command }) => command.includes('engine/child'));
  await eventually(engines, { what: 'an engine', withinMs: 15_000, everyMs: 5 });
  stop.abort(new Error('stopped by a test'));
  await expect(started).rejects.toThrow('stopped by a test');
  expect(left()).toEqual([]);
});
