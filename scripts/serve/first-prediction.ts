import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { text as textOf } from 'node:stream/consumers';
import { HEADER } from '@headgate/contracts/names';
import type { Service } from './ready-file.ts';

/** The service is warm: an answer takes milliseconds. */
const TIMEOUT_MS = 10_000;

export interface FirstPrediction {
  readonly model: string;
  readonly version: string;
  readonly label: string;
  readonly score: number;
}

/**
 * Sends one photo through the public entry, TLS included.
 *
 * @param photo path of a PNG file
 * @throws Error when the answer is not a prediction
 */
export async function predictOnce(service: Service, key: string, photo: string): Promise<FirstPrediction> {
  const base = service.https ?? service.gateway;
  const { status, text } = await post(`${base}/predict`, readFileSync(photo), {
    ca: service.caFile === null ? undefined : readFileSync(service.caFile),
    headers: {
      'content-type': 'image/png',
      [HEADER.apiKey]: key,
      [HEADER.unit]: 'npm-start',
    },
  });
  if (status !== 200) throw new Error(`the first prediction was answered with ${status}: ${text.trim()}`);
  const answer = JSON.parse(text);
  const best = answer.predictions?.[0]?.top?.[0];
  if (best === undefined) throw new Error(`the first prediction has no label: ${text.trim()}`);
  return { model: answer.model, version: answer.version, label: best.label, score: best.score };
}

interface PostOptions {
  readonly ca: Buffer | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

async function post(url: string, body: Buffer, { ca, headers }: PostOptions) {
  const request = url.startsWith('https:') ? httpsRequest : httpRequest;
  const outgoing = request(url, {
    method: 'POST',
    headers: { ...headers, 'content-length': body.length },
    agent: false,
    signal: AbortSignal.timeout(TIMEOUT_MS),
    ...(ca && { ca }),
  });
  outgoing.end(body);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  return { status: response.statusCode, text: await textOf(response) };
}
