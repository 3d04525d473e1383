import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { CONFIG_DIR, EdgeFiles, envoyBinary } from './support/envoy.ts';

const run = promisify(execFile);
const MAIN = join(import.meta.dirname, '../src/main.ts');
const files = new EdgeFiles();

afterAll(() => files.remove());

function main(args: readonly string[], env: Record<string, string> = {}) {
  const environment = { ...env, HEADGATE_CONFIG_DIR: CONFIG_DIR, HEADGATE_ROOT: files.root };
  return run(process.execPath, [MAIN, ...args], { env: environment, maxBuffer: 16 * 2 ** 20 });
}

describe('node envoy/src/main.ts', () => {
  it('prints the configuration of an environment', async () => {
    const { stdout } = await main(['--env', 'production']);
    expect(stdout).toContain('"cluster": "headgate-production"');
    expect(stdout).not.toContain('example.com');
  });

  it('writes everything that Envoy needs with --write', async () => {
    await files.makeCertificates();
    const { stdout } = await main(['--write']);
    const configPath = join(files.root, 'state/envoy/8440.json');
    expect(stdout.trim()).toBe(configPath);
    expect(readdirSync(join(files.root, 'state/envoy')).sort()).toEqual([
      '8440.json',
      'internal-authority.yaml',
      'internal-certificate.yaml',
      'public-certificate.yaml',
    ]);
    await expect(run(envoyBinary(), ['--mode', 'validate', '-c', configPath])).resolves.toBeDefined();
  });

  it.each([
    ['an unknown option', ['--nope'], {}, 'usage:'],
    ['an unknown environment', ['--env', 'moon'], {}, 'unknown environment'],
    ['what production lacks', ['--env', 'production', '--write'], {}, 'Public certificate (envoy.tls_dir)'],
    ['a wrong value', [], { HEADGATE_ENVOY__CONCURRENCY: '0' }, 'envoy.concurrency'],
  ])('ends with code 2 and a remedy for %s', async (_, args, env, text) => {
    await expect(main(args, env)).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining(text) });
  });
});
