import { readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { Config } from '@headgate/contracts/config/schema';
import { HEADER, hostPort, portOf } from '@headgate/contracts/names';
import { printableIn } from '@headgate/runtime/printable';
import type { Command } from 'commander';
import { CliError } from '../errors.ts';
import { milliseconds, NONE, round } from '../in-words.ts';
import { print, table } from '../print.ts';
import { withProgress } from '../progress.ts';
import { type Installation, installationOf, type Surroundings } from '../surroundings.ts';
import { post } from './post.ts';

interface PredictOptions {
  readonly model?: string;
  readonly unit?: string;
  readonly url?: string;
  readonly key?: string;
}

/** Answer of the public API (docs/api.md). */
interface Prediction {
  readonly id: string;
  readonly model: string;
  readonly version: string;
  readonly variant: string | null;
  readonly predictions: readonly {
    readonly index: number;
    readonly top?: readonly { readonly label: string; readonly score: number }[];
    readonly error?: { readonly reason: string; readonly detail: string };
  }[];
  readonly timing_ms: Readonly<Record<'total' | 'queue' | 'decode' | 'run', number>>;
}

/** `headgate predict`: asks the public API, as a client does. */
export function addPredict(program: Command, around: Surroundings): void {
  program
    .command('predict')
    .argument('<image...>', 'JPEG, PNG or WebP files, sent in one request')
    .description('have images classified by the public API; exit code 1 where one fails')
    .option('--model <name>', 'model (default: the default model)')
    .option('--unit <text>', `unit of the experiment, as ${HEADER.unit}`)
    .option('--url <url>', 'address of the public API (default: that of this installation)')
    .option('--key <key>', 'API key (default: HEADGATE_API_KEY, else the development key)')
    .action(async (files: string[], options: PredictOptions, command: Command) => {
      const images = files.map((file) => ({ name: basename(file), bytes: read(resolve(around.cwd, file)) }));
      const installation = installationOf(command, around);
      const answer = await withProgress(
        'waiting for the answer',
        around,
        predict(images, options, installation, around),
      );
      print(command, around, answer, (shown) => inWords(shown, printableIn(files)));
      requireAll(answer);
    });
}

interface Image {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

async function predict(
  images: readonly Image[],
  { model, unit, url, key }: PredictOptions,
  { root, config }: Installation,
  { env }: Surroundings,
): Promise<Prediction> {
  const target = new URL(
    model === undefined ? '/predict' : `/v1/models/${encodeURIComponent(model)}/predict`,
    addressOf(url, config),
  );
  const form = new FormData();
  for (const { name, bytes } of images) form.append('image', new Blob([bytes]), name);
  const { status, body } = await post(target, {
    caFile: join(resolve(root, config.envoy.tls_dir), 'ca.crt'),
    headers: {
      [HEADER.apiKey]: key ?? env.HEADGATE_API_KEY ?? developmentKey(root, config),
      ...(unit !== undefined && { [HEADER.unit]: unit }),
    },
    form,
  });
  if (status === 200) return body as Prediction;
  throw refusalOf(status, body);
}

/** @throws CliError usage */
function addressOf(url: string | undefined, { listen, environment, envoy }: Config): URL {
  const [name = 'localhost'] = environment === 'production' ? envoy.server_names : [];
  const text = url ?? `https://${hostPort(name, portOf(listen.port_base, 'https'))}`;
  const address = URL.parse(text);
  if (address?.protocol === 'https:' || address?.protocol === 'http:') return address;
  throw new CliError('usage', `${text} is no address`, { remedy: 'write --url https://HOST:PORT' });
}

/** @throws CliError usage */
function developmentKey(root: string, { environment }: Config): string {
  const missing = (cause?: unknown) =>
    new CliError('usage', 'no API key is named', {
      remedy: 'add --key, or set HEADGATE_API_KEY; headgate keys create makes one',
      cause,
    });
  if (environment !== 'dev') throw missing();
  try {
    return JSON.parse(readFileSync(join(root, 'state/dev-keys.json'), 'utf8')).client;
  } catch (cause) {
    throw missing(cause);
  }
}

function read(path: string): Uint8Array<ArrayBuffer> {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new CliError('not_found', `${path} cannot be read`, { remedy: 'name an image file', cause });
  }
}

function refusalOf(status: number, body: unknown): CliError {
  const { title, detail } = Object(body) as { title?: string; detail?: string };
  const code = status === 404 ? 'not_found' : 'failed';
  return new CliError(code, `the API answered ${status}${title === undefined ? '' : `: ${title}`}`, {
    remedy: detail ?? 'headgate doctor looks for the cause',
  });
}

function inWords(
  { id, model, version, variant, predictions, timing_ms }: Prediction,
  files: readonly string[],
): string {
  const rows = predictions.map(({ index, top, error }) => [
    files[index] ?? String(index),
    top?.[0]?.label ?? error?.reason ?? NONE,
    top?.[0] === undefined ? (error?.detail ?? NONE) : String(round(top[0].score, 4)),
  ]);
  const { total, queue, decode, run } = timing_ms;
  return [
    table(['IMAGE', 'LABEL', 'SCORE'], rows),
    '',
    `${model}, version ${version}, variant ${variant ?? NONE}`,
    `${milliseconds(total)}: queue ${milliseconds(queue)}, decode ${milliseconds(decode)}, run ${milliseconds(run)}`,
    `id ${id}`,
  ].join('\n');
}

/** @throws CliError failed */
function requireAll({ predictions }: Prediction): void {
  const failed = predictions.filter(({ error }) => error !== undefined);
  if (failed.length === 0) return;
  throw new CliError('failed', `${failed.length} of ${predictions.length} images failed`, {
    remedy: failed[0]?.error?.detail ?? 'see the answer',
  });
}
