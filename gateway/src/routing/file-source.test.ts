import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@headgate/testkit/folders';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FileRoutingSource, fileRoutingSource } from './file-source.ts';

const SEED = new URL('../../../config/routing.yaml', import.meta.url);

describe('fileRoutingSource', () => {
  let dir: string;
  let path: string;
  let events: string[];
  let source: FileRoutingSource | undefined;

  beforeEach(() => {
    dir = tempDir();
    path = join(dir, 'routing.yaml');
    events = [];
    copyFileSync(SEED, path);
  });

  afterEach(() => {
    source?.stop();
  });

  const start = () => {
    source = fileRoutingSource(path, {
      accepted: (routing) => events.push(`accepted ${Object.keys(routing.models)}`),
      refused: (error) => events.push(`refused ${error.issues.join('; ')}`),
    });
    return source;
  };
  const edit = (from: string | RegExp, to: string) =>
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll(from, to));
  const weights = () =>
    source?.current().models['efficientnet-lite0']?.experiment.variants.map((v) => v.weight);

  it('reports the first table', () => {
    start();
    expect(events).toEqual(['accepted efficientnet-lite0']);
    expect(weights()).toEqual([90, 10]);
  });

  it('puts an edited table in force', async () => {
    start();
    edit(/weight: (90|10)/g, 'weight: 50');
    await expect.poll(weights).toEqual([50, 50]);
  });

  it('refuses a bad table as a whole, says every problem, and keeps the last good one', async () => {
    start();
    const good = readFileSync(path, 'utf8');
    edit(/version: "2", weight: 10/g, 'version: "3", weight: 20');
    await expect.poll(() => events).toHaveLength(2);
    expect(events[1]).toContain('variants: expected weights that sum to 100, not 110');
    expect(events[1]).toContain('variants.1.version: expected one of the served versions (1, 2)');
    expect(weights()).toEqual([90, 10]);
    writeFileSync(path, good);
    await expect.poll(() => events).toHaveLength(3);
  });

  it.each([
    ['missing', () => rmSync(path), /cannot be read/],
    ['empty', () => writeFileSync(path, ''), /\(document\)/],
    ['not YAML', () => writeFileSync(path, '{ schema: ['), /line 1: not valid YAML/],
    ['a log file', () => writeFileSync(path, 'x'.repeat(300_000)), /larger than 262144 bytes/],
  ])('refuses to start with a table that is %s', (_, spoil, message) => {
    spoil();
    expect(start).toThrow(message);
    expect(events).toEqual([]);
  });
});
