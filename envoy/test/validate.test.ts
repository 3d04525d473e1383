import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { loadConfig } from '@headgate/runtime/load-config';
import { describe, expect, it } from 'vitest';
import { envoyArguments } from '../src/process.ts';
import { CONFIG_DIR, EdgeFiles, envoyBinary } from './support/envoy.ts';

const run = promisify(execFile);

describe('the configuration of every environment', () => {
  it.each(['dev', 'staging', 'production'])('is accepted by the real Envoy: %s', async (environment) => {
    const files = new EdgeFiles();
    try {
      const config = loadConfig({ dir: CONFIG_DIR, environment, env: {} });
      const configPath = await files.write(config);
      const validate = run(envoyBinary(), [...envoyArguments(config, configPath), '--mode', 'validate']);
      const { stdout, stderr } = await validate;
      expect(stdout + stderr).toContain('OK');
      expect(stdout + stderr).not.toContain('deprecated');
    } finally {
      files.remove();
    }
  });
});
