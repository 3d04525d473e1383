import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { rootCertificates } from 'node:tls';
import { CliError } from '../errors.ts';

/** Longer than the longest deadline of the API. */
const WITHIN_MS = 60_000;

interface Posted {
  readonly headers: Readonly<Record<string, string>>;
  readonly form: FormData;
  /** CA that is trusted beside those of the system, where it exists. */
  readonly caFile: string;
}

interface Answer {
  readonly status: number;
  /** Parsed JSON; undefined for anything else. */
  readonly body: unknown;
}

/** Posts a form. `fetch` takes no CA of its own. @throws CliError failed without an answer */
export async function post(url: URL, { headers, form, caFile }: Posted): Promise<Answer> {
  const encoded = new Response(form);
  const body = Buffer.from(await encoded.arrayBuffer());
  const options = {
    method: 'POST',
    headers: {
      ...headers,
      'content-type': encoded.headers.get('content-type') ?? '',
      'content-length': body.length,
    },
    signal: AbortSignal.timeout(WITHIN_MS),
  };
  const request =
    url.protocol === 'https:'
      ? https.request(url, { ...options, ca: trusted(caFile) })
      : http.request(url, options);
  try {
    request.end(body);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const text = Buffer.concat(await response.toArray()).toString();
    return { status: response.statusCode ?? 0, body: parse(text) };
  } catch (cause) {
    throw new CliError(
      'failed',
      `${url.origin} does not answer: ${cause instanceof Error ? cause.message : cause}`,
      {
        remedy:
          'start the service (npm start), or name its address with --url; headgate doctor looks for the cause',
        cause,
      },
    );
  }
}

const trusted = (caFile: string): string[] => [
  ...rootCertificates,
  ...(existsSync(caFile) ? [readFileSync(caFile, 'utf8')] : []),
];

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
