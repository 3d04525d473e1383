import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir, writeText } from '@headgate/testkit/folders';
import { expect, it } from 'vitest';

const PROGRAM = join(import.meta.dirname, 'copy.mjs');

function copy(root: string): string {
  return execFileSync(process.execPath, [PROGRAM, join(root, 'from'), join(root, 'to')], {
    encoding: 'utf8',
  });
}

it('copies versions, and nothing the second time', () => {
  const root = tempDir({ 'from/digits/1/manifest.yaml': 'sha: 1', 'from/digits/1/model.onnx': 'x' });
  expect(copy(root)).toBe('digits 1: copied\n');
  const before = statSync(join(root, 'to/digits/1/model.onnx'));
  expect(copy(root)).toBe('digits 1: already there\n');
  expect(statSync(join(root, 'to/digits/1/model.onnx')).ino).toBe(before.ino);
});

it('replaces a version whose manifest differs, and finishes after an interruption', () => {
  const root = tempDir({ 'from/digits/1/manifest.yaml': 'sha: 2', 'from/digits/1/model.onnx': 'new' });
  writeText(join(root, 'to/digits/1/manifest.yaml'), 'sha: 1');
  writeText(join(root, 'to/digits/.1.partial/left.over'), '');
  expect(copy(root)).toBe('digits 1: copied\n');
  expect(readFileSync(join(root, 'to/digits/1/model.onnx'), 'utf8')).toBe('new');
  expect(readdirSync(join(root, 'to/digits'))).toEqual(['1']);
});
