import { resolve } from 'node:path';
import { printable } from '@headgate/runtime/printable';
import type { Command } from 'commander';
import { adminApi } from '../admin-api.ts';
import { CliError } from '../errors.ts';
import { print } from '../print.ts';
import { percentOf, type Routed, requireReady, routedInWords, routeVersion } from '../route/add.ts';
import { globalsOf, installationOf, type Surroundings } from '../surroundings.ts';
import { runPython } from './python.ts';

/** Options that go to `headgate-pipelines import` as they are; it checks their values. */
const PASSED = [
  ['--kind <kind>', 'image (default), or tensor: any graph, fed with tensors'],
  ['--preset <preset>', 'torchvision (default), timm, keras, tensorflow, paddle or custom'],
  ['--labels <file>', '.txt, .json or .csv, one label for each class'],
  ['--scale <x>', 'factor for pixels of 0 to 255, such as 1/255'],
  ['--mean <a,b,c>', 'subtracted after the scale'],
  ['--std <a,b,c>', 'divided by, after the mean'],
  ['--size <WxH>', 'of the input, where the graph takes any'],
  ['--resize <fit>', 'crop, stretch or letterbox'],
  ['--crop-fraction <x>', 'share of the sides that crop keeps'],
  ['--border <grey>', 'of letterbox: 0 to 255'],
  ['--resample <how>', 'cubic, linear or nearest'],
  ['--layout <layout>', 'nchw or nhwc (default: as the graph says)'],
  ['--channel-order <order>', 'rgb or bgr'],
  ['--activation <name>', 'softmax, sigmoid or none (default: as the output looks)'],
  ['--output <name>', 'output with one score a class'],
  ['--top-k <n>', 'classes in an answer (default: 5)'],
  ['--samples <folder>', 'your pictures, instead of the sample photos'],
  ['--description <text>', 'of the version'],
  ['--licence <name>', 'such as Apache-2.0'],
] as const;

/** What the Python command answers. */
interface Imported {
  readonly model: string;
  readonly version: string;
  readonly text: string;
}

type Options = Readonly<Record<string, string | readonly string[] | number | undefined>> & {
  readonly route?: number;
  readonly shape?: readonly string[];
};

export function addImport(models: Command, around: Surroundings): void {
  const command = models
    .command('import')
    .argument('<file>', 'ONNX file; its external weights lie beside it')
    .description('make a version of any ONNX file: folded, checked, with golden samples (docs/models.md)')
    .requiredOption('--name <model>', 'NAME or NAME/VERSION (default: the next number)');
  for (const [flags, description] of PASSED) command.option(flags, description);
  command
    .option('--shape <name=sides...>', 'of --kind tensor: a size that an input takes, such as x=1,3,64,64')
    .option('--route <percent>', 'name it in the routing table with this share of the units', percentOf)
    .action(async (file: string, { route, ...options }: Options, self: Command) => {
      const installation = installationOf(self, around);
      const { root, config } = installation;
      const models = resolve(root, config.inference.models_dir);
      const args = ['import', file, '--json', '--models', models, ...argumentsOf(options, self)];
      const { text, ...imported } = JSON.parse(await runPython(args, installation, around)) as Imported;
      const isJson = globalsOf(self).json === true;
      if (!isJson) around.out(`${printable(text)}\n\n`);
      if (route === undefined) {
        if (isJson) print(self, around, imported, () => '');
        else around.out(`next: headgate route add ${imported.model} ${imported.version}\n`);
        return;
      }
      const { model, version } = imported;
      const asked = { model, version, weight: route };
      const routed = await routeVersion(adminApi(installation, around), asked, around).catch((error) => {
        throw unrouted(error, asked);
      });
      print(self, around, { ...imported, routed }, (shown) => routedInWords(shown.routed));
      requireReady(routed);
    });
}

/** As they were given; each value in one word with its option, since it may begin with a dash. */
function argumentsOf(options: Options, command: Command): string[] {
  return command.options.flatMap((option) =>
    [options[option.attributeName()] ?? []].flat().map((value) => `${option.long}=${value}`),
  );
}

function unrouted(error: unknown, { model, version, weight }: Pick<Routed, 'model' | 'version' | 'weight'>) {
  if (!(error instanceof CliError)) return error;
  const later = `then headgate route add ${model} ${version} --weight ${weight}`;
  return new CliError(error.code, `the version is written, but not in the routing table: ${error.message}`, {
    remedy: `${error.remedy}; ${later}`,
    cause: error,
  });
}
