import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { loadConfig } from '@headgate/runtime/load-config';
import { ROOT } from '@headgate/testkit/root';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { variablesOf } from '../k8s/images/record.ts';

const read = (file: string) => readFileSync(join(import.meta.dirname, file), 'utf8');

interface Service {
  readonly image: string;
  readonly volumes: readonly string[];
  readonly user: string;
  readonly read_only: boolean;
  readonly cap_drop: readonly string[];
  readonly security_opt: readonly string[];
  readonly network_mode: string;
}

const { services } = parse(read('compose.yaml'), { merge: true }) as { services: Record<string, Service> };
const PARTS = ['control', 'inference', 'gateway', 'envoy'];

/** Names of variables in `${IMAGE_x}`, as Compose and systemd expand them. */
function imagesIn(text: string): string[] {
  return [...new Set([...text.matchAll(/IMAGE_(\w+)/g)].map(([, name]) => name ?? ''))].sort();
}

it('takes its images from what npm run images writes', () => {
  const at = { key: 'k', registry: 'registry:5000', digest: 'sha256:0' };
  const pushed = { 'headgate/gateway': at, 'headgate/inference-gpu': at, 'headgate-test/redis': at };
  expect(variablesOf(pushed, 'registry:5000')).toBe(
    'IMAGE_gateway=registry:5000/headgate/gateway@sha256:0\n' +
      'IMAGE_inference_gpu=registry:5000/headgate/inference-gpu@sha256:0\n',
  );
  expect(
    imagesIn(
      Object.values(services)
        .map(({ image }) => image)
        .join(),
    ),
  ).toEqual([...PARTS, 'models'].sort());
});

it.each(Object.keys(services))('gives %s no rights', (name) => {
  expect(services[name]).toMatchObject({
    user: '65532:65532',
    read_only: true,
    cap_drop: ['ALL'],
    security_opt: ['no-new-privileges:true'],
    network_mode: 'host',
  });
});

describe('systemd units', () => {
  const unit = read('systemd/headgate@.service');

  it.each(PARTS)('mount for %s what Compose mounts', (part) => {
    const drop = read(`systemd/headgate@${part}.service.d/mounts.conf`);
    const mounts = /MOUNTS=(.*)"/.exec(drop)?.[1] ?? '';
    const ofUnit = [...`${unit} ${mounts}`.matchAll(/--volume (\S+)/g)].map(([, volume]) => volume);
    const ofCompose = services[part]?.volumes.map((volume) =>
      volume.replace(/^\.\//, '/etc/headgate/').replace(/^(state|models):/, 'headgate_$1:'),
    );
    expect(ofUnit.sort()).toEqual([...(ofCompose ?? [])].sort());
  });

  it('have the same confinement', () => {
    for (const option of [
      '--user 65532:65532',
      '--read-only',
      '--cap-drop all',
      '--security-opt no-new-privileges',
    ])
      expect(unit).toContain(option);
  });

  it('start every part with the target', () => {
    const [, wanted = ''] = /Wants=(.*)/.exec(read('systemd/headgate.target')) ?? [];
    expect(wanted.split(' ')).toEqual(PARTS.map((part) => `headgate@${part}.service`));
  });
});

it('has settings that exist', () => {
  const env = parseEnv(read('headgate.env'));
  const dir = join(ROOT, 'config');
  expect(loadConfig({ dir, environment: 'production', env }).routing_file).toBe('routing/routing.yaml');
});
