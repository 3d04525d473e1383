import { expect, it } from 'vitest';
import { parseOptions } from './options.ts';

it('starts a cluster of its own unless told otherwise', () => {
  expect(parseOptions([], { KUBECONFIG: '/srv/kube/config' }).kubeconfig).toBeUndefined();
});

it('takes the kubeconfig of an existing cluster from the option, or from the environment', () => {
  const existing = ['--cluster', 'existing'];
  expect(parseOptions(existing, { KUBECONFIG: '/a' }).kubeconfig).toBe('/a');
  expect(parseOptions([...existing, '--kubeconfig', '/b'], { KUBECONFIG: '/a' }).kubeconfig).toBe('/b');
  expect(() => parseOptions(existing, {})).toThrow('needs --kubeconfig FILE or KUBECONFIG');
});

it('reads names from several options and from lists', () => {
  expect(parseOptions(['--only', 'a,b', '--only', 'c'], {}).only).toEqual(['a', 'b', 'c']);
});
