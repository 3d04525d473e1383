import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { BlockList } from 'node:net';
import { join } from 'node:path';
import { tempDir } from '@headgate/testkit/folders';
import { expect, it } from 'vitest';
import { writeImage } from './image.ts';
import { startOf } from './inhabitants.ts';
import { DNS_IP, HOST_IP, NODES, nodeOf, POD_CIDR, SERVICE_CIDR } from './layout.ts';
import { keyOf, MODULES } from './programs.ts';
import { sh } from './shell.ts';

const TOOLS = join(import.meta.dirname, 'tools');

function contains(cidr: string, address: string): boolean {
  const [network = '', bits] = cidr.split('/');
  const list = new BlockList();
  list.addSubnet(network, Number(bits));
  return list.check(address);
}

it('gives each node pods of its own, outside of the networks of nodes and Services', () => {
  for (const node of NODES) {
    const [first = ''] = node.podCidr.split('/');
    expect(contains(POD_CIDR, first)).toBe(true);
    expect(NODES.filter(({ podCidr }) => contains(podCidr, first))).toEqual([node]);
    for (const address of [node.ip, HOST_IP, DNS_IP]) expect(contains(POD_CIDR, address)).toBe(false);
    expect(contains(SERVICE_CIDR, node.ip)).toBe(false);
  }
  expect(contains(SERVICE_CIDR, DNS_IP)).toBe(true);
});

it('names the nodes when there is none of a name', () => {
  expect(() => nodeOf('kn9')).toThrow('kn9: expected a node: kn0, kn1, kn2');
});

it('builds Kubernetes with the version that it tells to clients', () => {
  const mod = readFileSync(join(TOOLS, 'kubernetes/go.mod'), 'utf8');
  const [, version] = /^require k8s\.io\/kubernetes (v\S+)$/m.exec(mod) ?? [];
  const { ldflags } = MODULES.find(({ folder }) => folder === 'kubernetes') ?? {};
  for (const name of ['component-base/version', 'client-go/pkg/version'])
    expect(ldflags).toContain(`k8s.io/${name}.gitVersion=${version}`);
});

it('builds again when a checksum or a flag changes', () => {
  const dir = tempDir();
  cpSync(join(TOOLS, 'pause'), dir, { recursive: true });
  const key = keyOf(dir, ['a']);
  expect(keyOf(dir, ['a'])).toBe(key);
  expect(keyOf(dir, ['b'])).not.toBe(key);
  writeFileSync(join(dir, 'go.sum'), 'changed');
  expect(keyOf(dir, ['a'])).not.toBe(key);
});

it('writes an image whose layer is the one that its configuration names', async () => {
  const dir = tempDir();
  writeFileSync(join(dir, 'program'), 'content', { mode: 0o755 });
  await writeImage('headgate.test/program:1', join(dir, 'program'), join(dir, 'image.tar'));
  await sh('tar', '-xf', join(dir, 'image.tar'), '-C', dir);
  const [manifest] = JSON.parse(readFileSync(join(dir, 'manifest.json'), 'utf8'));
  expect(manifest.RepoTags).toEqual(['headgate.test/program:1']);
  const config = JSON.parse(readFileSync(join(dir, manifest.Config), 'utf8'));
  const layer = readFileSync(join(dir, manifest.Layers[0]));
  expect(config.rootfs.diff_ids).toEqual([`sha256:${createHash('sha256').update(layer).digest('hex')}`]);
  expect(config.config.Entrypoint).toEqual(['/program']);
  expect(await sh('tar', '-tvf', join(dir, manifest.Layers[0]))).toMatch(
    /^-rwxr-xr-x root\/root .* program\n$/,
  );
});

it('knows a process by its number and start, and that it has ended', async () => {
  const child = spawn('sleep', ['60']);
  await once(child, 'spawn');
  const pid = child.pid ?? 0;
  expect(startOf(pid)).toMatch(/^\d+$/);
  expect(startOf(pid)).toBe(startOf(pid));
  expect(startOf(pid)).not.toBe(startOf(process.pid));
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(startOf(pid)).toBeUndefined();
});
