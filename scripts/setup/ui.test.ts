import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createUi, step } from './ui.mjs';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function screen(isTTY: boolean) {
  const written: string[] = [];
  const stream = { isTTY, columns: 40, write: (text: string) => written.push(text) };
  return { written, ui: createUi(stream as unknown as NodeJS.WriteStream) };
}

it('prints plain lines with the elapsed time where nobody watches', () => {
  const { ui, written } = screen(false);
  const task = ui.begin('packages');
  task.progress(`fetching ${'x'.repeat(200)}`);
  vi.advanceTimersByTime(41_000);
  task.done();
  vi.advanceTimersByTime(60_000);
  expect(written).toEqual([
    '  packages …\n',
    `  packages … 20.0 s  fetching ${'x'.repeat(71)}\n`,
    `  packages … 40.0 s  fetching ${'x'.repeat(71)}\n`,
    '✓ packages  41.0 s\n',
  ]);
});

it('keeps one live line on a terminal, never wider than it', () => {
  const { ui, written } = screen(true);
  const task = ui.begin('packages');
  task.progress('fetching something with a long name');
  vi.advanceTimersByTime(1000);
  const last = written.at(-1)?.replace('\r\u001b[2K', '') ?? '';
  expect(last).toContain('packages  1.0 s  fetching');
  expect(last.length).toBe(39);
  expect(written.join('')).not.toContain('\n');
  task.failed();
  expect(written.at(-1)).toBe('\r\u001b[2K✗ packages  1.0 s\n');
});

it('marks a step that throws, and passes its result or its error on', async () => {
  const { ui, written } = screen(false);
  expect(await step(ui, 'one', async () => 1)).toBe(1);
  const failing = step(ui, 'two', async () => {
    throw new Error('no disk');
  });
  await expect(failing).rejects.toThrow('no disk');
  expect(written.filter((line) => !line.startsWith(' '))).toEqual(['✓ one  0.0 s\n', '✗ two  0.0 s\n']);
});
