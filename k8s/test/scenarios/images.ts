import assert from 'node:assert/strict';
import { type ImageContent, readImage } from '../image-content.ts';
import type { Kube } from '../kube.ts';
import type { Scenario } from '../scenario.ts';

const GATEWAY_MAX_BYTES = 250e6;
const SHELL_OR_PACKAGE_MANAGER =
  /(^|\/)s?bin\/(\w*sh|busybox|toybox|env|apt\S*|dpkg\S*|apk|yum|dnf|rpm|npm|npx|corepack)$/;
const NATIVE_INFERENCE = /onnxruntime|node_modules\/(sharp|@img)\//;

/** What the images of the running pods hold, read from the registry. */
export const images: Scenario = {
  name: 'images',
  title: 'Images have a numeric user, labels, no shell, and the gateway no ONNX Runtime',
  async run({ kube, figure }) {
    for (const reference of await ourImages(kube)) {
      const image = await readImage(reference);
      check(image);
      figure(image.repository.replace('headgate/', ''), `${(image.size / 1e6).toFixed(0)} MB`);
    }
  },
};

function check({ repository, user, labels, files, size }: ImageContent): void {
  assert.equal(user, '65532:65532', `${repository} runs as another user`);
  for (const name of ['revision', 'version', 'created'])
    assert.ok(labels[`org.opencontainers.image.${name}`], `${repository} lacks the label ${name}`);
  assert.ok(files.includes('usr/local/bin/node'), `${repository}: the list of files is not complete`);
  assert.deepEqual(
    files.filter((file) => SHELL_OR_PACKAGE_MANAGER.test(file)),
    [],
    repository,
  );
  if (repository !== 'headgate/gateway') return;
  assert.deepEqual(
    files.filter((file) => NATIVE_INFERENCE.test(file)),
    [],
    repository,
  );
  assert.ok(size < GATEWAY_MAX_BYTES, `${repository} has ${size} bytes`);
}

interface PodWithImages {
  readonly spec: Record<'containers' | 'initContainers', { image: string }[] | undefined>;
}

async function ourImages(kube: Kube): Promise<string[]> {
  const { items } = await kube.get<{ items: PodWithImages[] }>('pods');
  const all = items.flatMap(({ spec }) => [...(spec.initContainers ?? []), ...(spec.containers ?? [])]);
  const ours = [...new Set(all.map(({ image }) => image).filter((image) => image.includes('/headgate/')))];
  assert.ok(ours.length > 0, 'no pod runs an image of ours');
  return ours.sort();
}
