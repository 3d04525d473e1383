import { eventually } from '@headgate/testkit/eventually';
import { openLoad, type Sample } from '@headgate/testkit/load';
import { samplePhoto } from '@headgate/testkit/photos';
import { percentile } from '@headgate/testkit/stats';
import { type Client, http1Client, http2Client } from './clients.ts';
import type { Edge } from './scenario.ts';

export interface LoadOptions {
  /** Requests per second, independent of the answers. */
  readonly perSecond: number;
  readonly key: string;
  /** Longest wait for one answer, in ms. */
  readonly timeoutMs: number;
  /** Experiment unit of a request; none unless set. */
  readonly unit?: (index: number) => string;
  readonly path?: string;
  /** PNG of the digit 7; the committed one unless set. */
  readonly photo?: Buffer;
  /** More headers of each request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Another certificate authority that the clients trust, PEM. */
  readonly trusts?: string;
}

/** `ok`, or why the request failed, such as `503 unavailable` or `ECONNRESET`. */
export type RequestResult = 'ok' | (string & {});

export interface Tally {
  readonly sent: number;
  readonly failed: number;
  /** Requests of HTTP/2 that the server refused unseen, and that the client sent again. */
  readonly resent: number;
  /** Failures by reason. */
  readonly reasons: Readonly<Record<string, number>>;
  /** Latency of the 99th percentile, in ms. */
  readonly p99Ms: number;
  /** Longest time between two good answers, in ms. */
  readonly longestGapMs: number;
}

export interface RunningRequests {
  /** Finished requests. */
  readonly samples: readonly Sample<RequestResult>[];
  /** Stops, waits for the requests in flight, and closes the connections. May be called twice. */
  stop(): Promise<Tally>;
  /** Waits until `count` requests were answered well from now on. */
  answered(count: number): Promise<void>;
}

/** The committed model and the committed photo: the right answer is known. */
const PHOTO = samplePhoto('digit-7.png');
const LABEL = '7';
/** Of ten requests five are HTTP/2, four HTTP/1.1 on kept connections, and one opens a connection. */
const MIX = ['http2', 'kept', 'http2', 'kept', 'http2', 'new', 'http2', 'kept', 'http2', 'kept'] as const;

/** Predictions of one photo at a constant rate, by HTTP/1.1 and HTTP/2 clients in turn. */
export function startLoad(site: Edge, options: LoadOptions): RunningRequests {
  const edge = { ...site, ca: `${site.ca}\n${options.trusts ?? ''}` };
  const clients = {
    http2: http2Client(edge),
    kept: http1Client(edge, true),
    new: http1Client(edge, false),
  };
  const kindOf = (index: number) => MIX[index % MIX.length] as (typeof MIX)[number];
  const running = openLoad(1000 / options.perSecond, async (index): Promise<RequestResult> => {
    const kind = kindOf(index);
    const result = await predictOnce(clients[kind], options, index);
    return result === 'ok' ? result : `${kind}: ${result}`;
  });
  let ended: Promise<Tally> | undefined;
  const end = async () => {
    const samples = await running.stop();
    for (const client of Object.values(clients)) client.close();
    return tallyOf(samples, clients.http2.resent);
  };
  return {
    samples: running.samples,
    stop: () => {
      ended ??= end();
      return ended;
    },
    answered: async (count) => {
      const from = running.samples.length;
      const good = () => running.samples.slice(from).filter(isGood).length >= count;
      await eventually(good, { what: `${count} good answers`, withinMs: 60_000 });
    },
  };
}

/** One prediction. @returns `ok`, or why it failed */
export async function predictOnce(
  client: Client,
  { key, unit, path = '/predict', photo = PHOTO.bytes, timeoutMs, headers: more }: LoadOptions,
  index = 0,
): Promise<RequestResult> {
  const headers = {
    'content-type': PHOTO.type,
    'x-api-key': key,
    ...(unit ? { 'x-headgate-unit': unit(index) } : {}),
    ...more,
  };
  try {
    const call = { path, headers, body: photo };
    const { status, text } = await client.post(call, AbortSignal.timeout(timeoutMs));
    if (status !== 200) return `${status} ${/"reason":"(\w+)"/.exec(text)?.[1] ?? text.slice(0, 60)}`;
    const best = JSON.parse(text).predictions?.[0]?.top?.[0]?.label;
    return best === LABEL ? 'ok' : `wrong answer ${best}`;
  } catch (error) {
    const { code, name, message } = error as NodeJS.ErrnoException;
    return name === 'AbortError' ? `no answer in ${timeoutMs} ms` : `${code ?? name} ${message}`;
  }
}

function tallyOf(samples: readonly Sample<RequestResult>[], resent: number): Tally {
  const bad = samples.filter((sample) => !isGood(sample));
  const reasons: Record<string, number> = {};
  for (const { result } of bad) reasons[result] = (reasons[result] ?? 0) + 1;
  const ends = samples.filter(isGood).map(({ endMs }) => endMs);
  const gaps = ends.slice(1).map((end, i) => end - (ends[i] as number));
  return {
    sent: samples.length,
    failed: bad.length,
    resent,
    reasons,
    p99Ms: percentile(
      samples.map(({ startMs, endMs }) => endMs - startMs),
      99,
    ),
    longestGapMs: Math.max(0, ...gaps),
  };
}

const isGood = ({ result }: Sample<RequestResult>) => result === 'ok';
