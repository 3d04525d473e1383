import { z } from 'zod';
import { pause, systemClock, type TimerClock } from '../clock.ts';
import { readDocumentApart } from '../read-document.ts';
import { nextPauseMs } from '../resilience/backoff.ts';
import { FileError, isAboutText, issuesOf, readChecked, type WatchedFile } from '../watch-file.ts';
import type { KubernetesApi, WatchEvent } from './api.ts';

/** As `WatchedFile`, for one key of a ConfigMap. */
export interface WatchedConfigMap<T> extends WatchedFile<T> {
  /** Time since the API server last said what the ConfigMap holds, in ms. */
  ageMs(): number;
}

export interface WatchConfigMapOptions<T> {
  readonly api: KubernetesApi;
  /** In the namespace of this pod. */
  readonly name: string;
  readonly key: string;
  /** As in `watchFile`. */
  readonly check: (document: unknown) => T;
  /** A mounted copy: the start when the API server does not answer, or has no good version. */
  readonly copy: string;
  readonly maxBytes: number;
  /** After each accepted version except the first, also when a bad one is followed by the same good one again. */
  readonly onChange?: (value: T) => void;
  /** Once for each version that was refused, and for a ConfigMap that is gone; `current` has not changed. */
  readonly onError?: (refusal: { readonly issues: readonly string[] }) => void;
  /** The ConfigMap cannot be followed now; once until `onFound`. */
  readonly onLost?: (error: unknown) => void;
  readonly onFound?: () => void;
  readonly clock?: TimerClock;
  /** In [0, 1). */
  readonly random?: () => number;
}

/** The start waits no longer for the API server, in ms; then the mounted copy is used. */
const START_MS = 3000;
/**
 * A watch ends after 40 to 50 s and a new list follows, so that one that is silent by mistake is noticed within a minute.
 * Random, or all pods would ask at the same moment after a restart of the API server.
 */
const WATCH_SECONDS = { min: 40, spread: 10 };
/** Pause after each watch that ends, whatever the reason. */
const PAUSE = { minMs: 200, maxMs: 10_000 };
/** A watch that worked for so long was no failure: the next pause is a short one again. */
const STEADY_MS = 10_000;

const configMapSchema = z.object({ data: z.record(z.string(), z.string()).optional() });
const listSchema = z.object({
  metadata: z.object({ resourceVersion: z.string() }),
  items: z.array(configMapSchema).max(1),
});
type ConfigMap = z.infer<typeof configMapSchema>;

/**
 * Follows one key of a ConfigMap through the API server (decision 0085): lists, then watches from the version of the
 * list, and lists again after every end of the watch.
 *
 * @throws FileError when neither the ConfigMap nor the mounted copy has a good first version
 */
export async function watchConfigMap<T>(options: WatchConfigMapOptions<T>): Promise<WatchedConfigMap<T>> {
  const { clock = systemClock, random = Math.random } = options;
  const stopping = new AbortController();
  const source = configMapSource(options, stopping.signal);
  const versions = versionsOf(options, await firstOf(source, options), stopping.signal);
  let contactMs = clock.monotonicMs();
  let isLost = false;

  const see = async (map: ConfigMap | undefined) => {
    contactMs = clock.monotonicMs();
    if (isLost) options.onFound?.();
    isLost = false;
    await versions.take(map);
  };

  /** Ends with the watch. @throws when it could not be followed to its end */
  const pass = async () => {
    const { map, resourceVersion } = await source.list();
    await see(map);
    const timeoutSeconds = Math.floor(WATCH_SECONDS.min + random() * WATCH_SECONDS.spread);
    for await (const { type, object } of source.watch(resourceVersion, timeoutSeconds)) {
      if (type === 'BOOKMARK') contactMs = clock.monotonicMs();
      else await see(type === 'DELETED' ? undefined : configMapSchema.parse(object));
    }
  };

  const follow = async () => {
    for (let pauseMs: number | undefined; !stopping.signal.aborted; ) {
      const sinceMs = clock.monotonicMs();
      await pass().catch((error: unknown) => {
        if (stopping.signal.aborted || isLost) return;
        isLost = true;
        options.onLost?.(error);
      });
      const wasSteady = clock.monotonicMs() - sinceMs >= STEADY_MS;
      pauseMs = nextPauseMs(wasSteady ? undefined : pauseMs, { ...PAUSE, random });
      await pause(clock, pauseMs, stopping.signal);
    }
  };
  void follow();
  return {
    current: versions.current,
    ageMs: () => clock.monotonicMs() - contactMs,
    stop: () => stopping.abort(),
  };
}

interface Source {
  list(timeoutMs?: number): Promise<{ map: ConfigMap | undefined; resourceVersion: string }>;
  watch(resourceVersion: string, timeoutSeconds: number): AsyncIterable<WatchEvent>;
}

/** The one object as a list with a selector: the only form that a Role for one name lets a client watch. */
function configMapSource({ api, name }: { api: KubernetesApi; name: string }, signal: AbortSignal): Source {
  const path = `/api/v1/namespaces/${api.namespace}/configmaps?fieldSelector=metadata.name%3D${name}`;
  return {
    async list(timeoutMs) {
      const answer = await api.call('GET', path, { signal, ...(timeoutMs && { timeoutMs }) });
      const { items, metadata } = listSchema.parse(answer);
      return { map: items[0], resourceVersion: metadata.resourceVersion };
    },
    watch(resourceVersion, timeoutSeconds) {
      const query = `allowWatchBookmarks=true&resourceVersion=${resourceVersion}`;
      return api.watch(`${path}&${query}`, { timeoutSeconds, signal });
    },
  };
}

interface Checked<T> {
  readonly text: string;
  readonly value: T;
}

/** @throws FileError */
async function firstOf<T>(source: Source, options: WatchConfigMapOptions<T>): Promise<Checked<T>> {
  const { check, copy, maxBytes, name } = options;
  let why: readonly string[];
  try {
    const text = textOf((await source.list(START_MS)).map, options);
    return { text, value: await readDocumentApart(text, check) };
  } catch (error) {
    why = isAboutText(error) ? issuesOf(error) : [error instanceof Error ? error.message : 'unknown'];
  }
  try {
    const { bytes, value } = readChecked(copy, check, maxBytes);
    return { text: bytes.toString(), value };
  } catch (cause) {
    const issues = why.map((issue) => `ConfigMap ${name}: ${issue}`);
    throw cause instanceof FileError ? new FileError(copy, [...cause.issues, ...issues], { cause }) : cause;
  }
}

type Bounds = Pick<WatchConfigMapOptions<unknown>, 'key' | 'maxBytes'>;

/** @throws RangeError with a message that may be logged */
function textOf(map: ConfigMap | undefined, { key, maxBytes }: Bounds): string {
  if (map === undefined) throw new RangeError('it does not exist; create it again');
  const text = map.data?.[key];
  if (text === undefined) throw new RangeError(`it has no key ${key}`);
  if (Buffer.byteLength(text) > maxBytes) throw new RangeError(`larger than ${maxBytes} bytes`);
  return text;
}

/** What is in force, and which version was looked at last: a list that shows the same again changes nothing. */
function versionsOf<T>(options: WatchConfigMapOptions<T>, first: Checked<T>, signal: AbortSignal) {
  const { key, check, onChange, onError } = options;
  let { value } = first;
  let taken: string | undefined = stampOf({ data: { [key]: first.text } }, key);
  let refused: string | undefined;
  return {
    current: () => value,
    async take(map: ConfigMap | undefined): Promise<void> {
      const stamp = stampOf(map, key);
      if (stamp === taken) return;
      taken = undefined;
      try {
        const accepted = await readDocumentApart(textOf(map, options), check);
        if (signal.aborted) return;
        value = accepted;
      } catch (error) {
        if (isAboutText(error)) taken = stamp;
        if (refused !== stamp && !signal.aborted) onError?.({ issues: issuesOf(error) });
        refused = stamp;
        return;
      }
      taken = stamp;
      refused = undefined;
      onChange?.(value);
    },
  };
}

function stampOf(map: ConfigMap | undefined, key: string): string {
  const text = map?.data?.[key];
  return text === undefined ? `none ${map === undefined}` : `text ${text}`;
}
