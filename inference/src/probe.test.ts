import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { tempDir } from '@headgate/testkit/folders';
import { ROOT } from '@headgate/testkit/root';
import { describe, expect, it } from 'vitest';

const PROBE = fileURLToPath(new URL('./probe.ts', import.meta.url));
const SEVEN = join(ROOT, 'samples/digit-7.png');

/** Runs the probe over the digits model in a folder that is named after no version. */
async function probe(paths: readonly string[], edit = (manifest: string) => manifest) {
  const directory = join(tempDir(), 'version');
  cpSync(join(ROOT, 'models/digits/1'), directory, { recursive: true });
  const manifest = join(directory, 'manifest.yaml');
  writeFileSync(manifest, edit(readFileSync(manifest, 'utf8')));
  const args = [PROBE, '--version-dir', directory, '--samples-dir', join(ROOT, 'samples')];
  const child = spawn(process.execPath, args, { stdio: 'pipe' });
  // A probe that refuses the version ends before it has read them.
  child.stdin.on('error', () => {});
  child.stdin.end(paths.map((path, i) => `${JSON.stringify({ id: `image-${i}`, path })}\n`).join(''));
  const [out, words, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ]);
  const lines = out.split('\n').filter(Boolean);
  return { lines: lines.map((line) => JSON.parse(line)), words, code };
}

describe('probe', () => {
  it('answers each image in its order, a bad one with words', async () => {
    const { lines, code } = await probe([SEVEN, join(ROOT, 'package.json'), SEVEN]);
    const seven = {
      class_ids: expect.objectContaining({ 0: 7, length: 10 }),
      latency_ms: expect.any(Number),
      sketch: expect.objectContaining({ version: 1, width: 128, height: 128 }),
    };
    expect(lines).toMatchObject([
      { loaded: { compared: 1, skipped: [] } },
      { id: 'image-0', ...seven },
      { id: 'image-1', error: expect.stringContaining('not a JPEG, PNG or WebP') },
      { id: 'image-2', ...seven },
    ]);
    expect(code).toBe(0);
  });

  it.each([
    ['golden', (text: string) => text.replaceAll('class_id: 7', 'class_id: 3'), /golden sample digit-7.png/],
    ['digest', (text: string) => text.replace(/sha256: dccc/, 'sha256: 0ccc'), /has SHA-256 dccc/],
  ])('refuses a version with another %s', async (_, edit, words) => {
    expect(await probe([SEVEN], edit)).toEqual({ lines: [], words: expect.stringMatching(words), code: 2 });
  });
});
