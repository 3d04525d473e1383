import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';

/** A values file of the chart. */
export const VALUES_FILE = 'state/k8s/images.yaml';
/** Variables for one host without Kubernetes. */
const VARIABLES_FILE = 'state/k8s/images.env';
/** What was pushed where, so that the same is not built twice. */
const RECORD_FILE = 'state/k8s/images.json';

/** What was pushed, by repository. */
export type Pushed = Record<
  string,
  { readonly key: string; readonly registry: string; readonly digest: string }
>;

export function readRecord(root: string): Pushed {
  try {
    return JSON.parse(readFileSync(join(root, RECORD_FILE), 'utf8'));
  } catch {
    return {}; // the first run, or one that was cut short: everything is pushed again
  }
}

/** Writes the record, and the digests as values of the chart and as variables of single-host/. */
export function writeRecord(root: string, pushed: Pushed, registry: string): void {
  write(join(root, RECORD_FILE), JSON.stringify(pushed, null, 2));
  write(join(root, VALUES_FILE), valuesOf(pushed, registry));
  write(join(root, VARIABLES_FILE), variablesOf(pushed, registry));
}

/** `IMAGE_gateway=…` and so on: systemd puts the name of an instance into a variable's name as it is. */
export function variablesOf(pushed: Pushed, registry: string): string {
  const own = Object.entries(pushed).filter(([repository, at]) => {
    return at.registry === registry && repository.startsWith('headgate/');
  });
  return own
    .sort()
    .map(([repository, { digest }]) => {
      const name = repository.replace('headgate/', '').replaceAll('-', '_');
      return `IMAGE_${name}=${registry}/${repository}@${digest}\n`;
    })
    .join('');
}

/** YAML with what this registry has. */
export function valuesOf(pushed: Pushed, registry: string): string {
  const images: Record<string, unknown> = { registry };
  for (const [repository, at] of Object.entries(pushed).sort()) {
    if (at.registry !== registry) continue;
    images[camel(repository.replace(/^.*\//, ''))] = { repository, digest: at.digest };
  }
  return stringify({ images });
}

/** `inference-gpu` is `inferenceGpu` in values. */
function camel(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.tmp`, text);
  renameSync(`${path}.tmp`, path);
}
