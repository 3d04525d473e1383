import { expect, it } from 'vitest';
import { DeployError } from './errors.ts';
import { newImage, parseOptions } from './options.ts';

it('needs an environment to deploy, and none to remove', () => {
  expect(() => parseOptions([])).toThrow('--env: expected one of dev, staging, production');
  expect(() => parseOptions(['--env', 'prod'])).toThrow(DeployError);
  expect(parseOptions(['undeploy', '--all'])).toMatchObject({ command: 'undeploy', all: true });
});

it('passes values and single values on in their order', () => {
  const options = parseOptions(['--env', 'staging', '-f', 'a.yaml', '--values', 'b.yaml', '--set', 'x=1']);
  expect(options).toMatchObject({ values: ['a.yaml', 'b.yaml'], set: ['x=1'], namespace: 'headgate' });
});

it('refuses what it does not know', () => {
  expect(() => parseOptions(['--env', 'dev', '--forse'])).toThrow("Unknown option '--forse'");
  expect(() => parseOptions(['--env', 'dev', '--canary-seconds', 'soon'])).toThrow(
    '--canary-seconds: expected',
  );
  expect(() => parseOptions(['redeploy'])).toThrow('unknown argument: redeploy');
});

it('reads the image of a canary', () => {
  const digest = `sha256:${'a'.repeat(64)}`;
  expect(newImage('gateway')).toEqual([]);
  expect(newImage(`gateway=${digest}`)).toEqual(['--set', `images.gateway.digest=${digest}`]);
  expect(newImage(`gateway=own/gateway@${digest}`)).toEqual([
    ...['--set', 'images.gateway.repository=own/gateway'],
    ...['--set', `images.gateway.digest=${digest}`],
  ]);
  for (const wrong of ['inference', 'gateway=latest', 'gateway=own/gateway:1.0']) {
    expect(() => newImage(wrong)).toThrow('--canary: expected');
  }
});
