import { resolve } from 'node:path';
import type { ImageSpec, Manifest, TensorSpec } from '@headgate/contracts/manifest';
import type { Command } from 'commander';
import { paragraphs } from '../in-words.ts';
import { print } from '../print.ts';
import { installationOf, type Surroundings } from '../surroundings.ts';
import { type FolderVersion, namedVersion, versionsIn } from './folder.ts';

export function addShow(models: Command, around: Surroundings): void {
  models
    .command('show')
    .argument('<name/version>', 'version in the models folder, or a model for all of its versions')
    .description(
      'show what the manifest of a version says: tensors, preprocessing, files, where it comes from',
    )
    .action((name: string, _: unknown, command: Command) => {
      const { root, config } = installationOf(command, around);
      const found = versionsIn(resolve(root, config.inference.models_dir), namedVersion(name));
      print(command, around, found, (shown) => paragraphs(...shown.map(inWords)));
    });
}

function inWords({ model, version, folder, manifest, problem }: FolderVersion): string {
  const rows = manifest ? rowsOf(manifest) : [['problem', problem ?? '']];
  const lines = [['folder', folder], ...rows].map(([name = '', text]) => `  ${name.padEnd(14)} ${text}`);
  return [`${model} version ${version}`, ...lines].join('\n');
}

function rowsOf({
  kind,
  description,
  licence,
  file,
  inputs,
  outputs,
  image,
  batching,
  golden,
  provenance,
}: Manifest) {
  const bytes = [file, ...file.external_data].reduce((sum, one) => sum + one.bytes, 0);
  const files = 1 + file.external_data.length;
  return [
    ['kind', kind],
    ['description', description],
    ['licence', licence],
    ['files', `${files}, ${megabytes(bytes)}`],
    ['inputs', inputs.map(tensor).join('; ')],
    ['outputs', outputs.map(tensor).join('; ')],
    ...(image ? imageRows(image) : []),
    ['batch', `up to ${batching.max_batch_size}`],
    ['golden samples', `${golden.samples.length}, tolerance ${golden.tolerance}`],
    ['source', `${provenance.source} (${provenance.converter})`],
  ];
}

const imageRows = ({ activation, preprocessing, top_k }: ImageSpec) => {
  const { width, height, channels, fit, crop_fraction, border, resample, orientation } = preprocessing;
  const details = { crop: ` ${crop_fraction}`, stretch: '', letterbox: ` with a border of ${border}` }[fit];
  const colour = channels === 3 ? 'RGB' : 'grey';
  return [
    [
      'preprocessing',
      `${width}x${height} ${colour} by ${fit}${details}, ${resample}; orientation: ${orientation}`,
    ],
    ['scores', `activation ${activation}; the best ${top_k} are answered`],
  ];
};

const tensor = ({ name, datatype, shape }: TensorSpec) =>
  `${name} ${datatype} [${shape.map((side) => (side === -1 ? '?' : side)).join(', ')}]`;

export const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(bytes < 1e6 ? 3 : 1)} MB`;
