import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { tempDir } from '@headgate/testkit/folders';
import { expect, it } from 'vitest';
import { parseOptions } from './options.ts';
import { confirm, LABEL } from './target.ts';

const target = { context: 'acme-prod', server: 'https://10.0.0.1' };
const holds = (environment: string) => ({ labels: { [LABEL.environment]: environment } });
const ask = (args: readonly string[], existing?: Parameters<typeof confirm>[2]) =>
  confirm(parseOptions(args), target, existing);

it('refuses production without --yes where nobody can be asked, and names the context', async () => {
  await expect(ask(['--env', 'production'])).rejects.toThrow(
    'namespace headgate of context acme-prod (https://10.0.0.1): production needs --yes',
  );
  await expect(ask(['undeploy'], holds('production'))).rejects.toThrow('production needs --yes');
  await ask(['--env', 'production', '--yes']);
  await ask(['--env', 'staging']);
});

it('refuses to deploy over another environment', async () => {
  await expect(ask(['--env', 'staging'], holds('production'))).rejects.toThrow('holds production');
  await expect(ask(['--env', 'dev', '--yes'], holds('production'))).rejects.toThrow('holds production');
  await ask(['--env', 'staging', '--yes', '--replace-environment'], holds('production'));
  await ask(['--env', 'staging'], holds('staging'));
});

it('changes nothing after Ctrl-C at the question', async () => {
  const stream = () => Object.assign(new PassThrough(), { isTTY: true });
  const terminal = { stdin: stream(), stdout: stream() };
  const asked = confirm(parseOptions(['--env', 'staging']), target, undefined, terminal);
  terminal.stdin.write('\x03');
  await expect(asked).rejects.toMatchObject({ message: 'nothing was changed', exitCode: 130 });
});

it('names the server that does not answer, and ends with 3', { timeout: 300_000 }, () => {
  const cluster = { name: 'c', cluster: { server: 'https://127.0.0.1:1' } };
  const context = { name: 'lost', context: { cluster: 'c', user: 'u' } };
  const config = {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'lost' },
    ...{ clusters: [cluster], contexts: [context], users: [{ name: 'u', user: {} }] },
  };
  const dir = tempDir({ config: JSON.stringify(config), 'images.yaml': '{}' });
  const main = join(import.meta.dirname, 'main.ts');
  const args = [main, '--env', 'staging', '--images', join(dir, 'images.yaml')];
  const { status, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    env: { ...process.env, KUBECONFIG: join(dir, 'config') },
    timeout: 290_000,
  });
  expect(stderr).toContain('the cluster of context lost (https://127.0.0.1:1) does not answer');
  expect(stderr).toContain('kubectl --context lost get nodes');
  expect(status).toBe(3);
});
