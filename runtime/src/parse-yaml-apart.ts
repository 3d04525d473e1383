import { Worker } from 'node:worker_threads';
import { parseYaml, placesOf, YamlError } from './parse-yaml.ts';
import type { ParsedApart, Task } from './yaml-thread.ts';

/** Up to this length a text is parsed in place: 10 ms whatever it holds, where a thread takes 60 ms of another core. */
const SMALL_TEXT = 4096;
/** A text of the largest size that we read, 2 MiB of key records, takes a tenth of it. */
const MAX_MS = 20_000;
const MAX_HEAP_MB = 512;

/** The text was not parsed to its end. Another attempt may succeed: the machine may have been busy, or out of threads. */
export class UnfinishedError extends YamlError {}

/** The source runs as it is; the bundle lies beside that of the process. */
const THREAD = new URL(
  import.meta.url.endsWith('.ts') ? './yaml-thread.ts' : './yaml-thread.js',
  import.meta.url,
);

/**
 * As `parseYaml`, for a process that answers meanwhile: some texts take the parser seconds and gigabytes. They are parsed
 * on a thread that has a bound of both.
 *
 * @throws YamlError, UnfinishedError where the thread was lost
 */
export async function parseYamlApart(text: string): Promise<unknown> {
  return text.length <= SMALL_TEXT ? parseYaml(text) : await onThread({ text });
}

/** As `placesOf`, on a thread where the text is long. @throws UnfinishedError */
export async function placesApart(
  text: string,
  paths: readonly (readonly PropertyKey[])[],
): Promise<string[]> {
  if (text.length <= SMALL_TEXT) return placesOf(text, paths);
  return (await onThread({ text, paths })) as string[];
}

async function onThread(task: Task): Promise<unknown> {
  const limits = { maxOldGenerationSizeMb: MAX_HEAP_MB };
  const thread = new Worker(THREAD, { workerData: task, execArgv: [], resourceLimits: limits });
  const { promise, resolve, reject } = Promise.withResolvers<ParsedApart>();
  thread.once('message', resolve);
  thread.once('error', (cause) => reject(unfinished(cause)));
  thread.once('exit', () => reject(unfinished()));
  const timer = setTimeout(() => void thread.terminate(), MAX_MS);
  try {
    const result = await promise;
    if ('result' in result) return result.result;
    throw new YamlError(result.problem);
  } finally {
    clearTimeout(timer);
    await thread.terminate();
  }
}

function unfinished(cause?: unknown): UnfinishedError {
  return new UnfinishedError('it takes too long or too much memory to read', { cause });
}
