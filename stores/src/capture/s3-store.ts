import type { CaptureConfig } from '@headgate/contracts/config/capture';
import { AwsClient } from 'aws4fetch';
import { type CaptureKey, type CaptureStore, CaptureStoreError, isDay, keyOfPath, pathOf } from './store.ts';

export type S3Options = CaptureConfig['s3'] & {
  /** One request takes no longer, in ms. */
  readonly timeoutMs: number;
  /** Keys of one page of a listing; absent = as many as the service gives. */
  readonly pageKeys?: number;
};

interface Call extends RequestInit {
  readonly method: string;
  readonly signal: AbortSignal;
}

/** What a page of a listing says. */
interface Page {
  readonly objects: readonly { readonly key: string; readonly bytes: number }[];
  readonly folders: readonly string[];
  readonly isLast: boolean;
}

/**
 * Images in a bucket of any service that speaks S3. Requests are signed (Signature Version 4) with the digest of the
 * image, so that what arrives otherwise is refused. The bucket must not keep old versions, or nothing is ever erased.
 */
export function s3Store(options: S3Options): CaptureStore {
  const { endpoint, region, bucket, prefix, timeoutMs, pageKeys } = options;
  const client = new AwsClient({
    accessKeyId: options.access_key_id,
    secretAccessKey: options.secret_access_key,
    service: 's3',
    region,
    // Whoever calls decides about a second try.
    retries: 0,
  });
  const base = `${endpoint.replace(/\/$/, '')}/${bucket}`;
  const common = { 'list-type': '2', ...(pageKeys !== undefined && { 'max-keys': String(pageKeys) }) };
  const urlOf = (key: CaptureKey) => `${base}/${prefix}${pathOf(key)}`;

  const call = async (url: string, init: Call, accepted: readonly number[]): Promise<Response> => {
    const signal = AbortSignal.any([init.signal, AbortSignal.timeout(timeoutMs)]);
    const response = await client.fetch(url, { ...init, signal });
    if (accepted.includes(response.status)) return response;
    await response.body?.cancel();
    throw new CaptureStoreError(`S3 answered ${response.status} to ${init.method}`);
  };
  const send = async (url: string, init: Call, accepted: readonly number[]): Promise<void> => {
    await (await call(url, init, accepted)).body?.cancel();
  };

  const page = async (query: Record<string, string>, signal: AbortSignal): Promise<Page> => {
    const url = `${base}?${new URLSearchParams({ ...common, ...query })}`;
    return pageOf(await (await call(url, { method: 'GET', signal }, [200])).text());
  };

  /** Every page, each asked for by the last key of the one before. */
  const pages = async function* (query: Record<string, string>, signal: AbortSignal) {
    for (let after = ''; ; ) {
      const found = await page(after === '' ? query : { ...query, 'start-after': after }, signal);
      yield found;
      const last = [...found.objects.map(({ key }) => key), ...found.folders].sort().at(-1);
      if (found.isLast || last === undefined) return;
      // A folder is passed by as a whole: 0 is the character behind the slash.
      after = last.endsWith('/') ? `${last.slice(0, -1)}0` : last;
    }
  };

  const list: CaptureStore['list'] = async function* (day, { unit, signal }) {
    const within = `${prefix}${day}/${unit === undefined ? '' : `${unit}/`}`;
    for await (const { objects } of pages({ prefix: within }, signal)) {
      for (const { key, bytes } of objects) {
        const found = keyOfPath(key.slice(prefix.length));
        if (found) yield { ...found, bytes };
      }
    }
  };

  const remove = (key: CaptureKey, signal: AbortSignal) =>
    send(urlOf(key), { method: 'DELETE', signal }, [200, 204, 404]);

  return {
    put(key, image, signal) {
      const headers = { 'x-amz-content-sha256': key.sha256, 'content-type': 'application/octet-stream' };
      return send(
        urlOf(key),
        { method: 'PUT', headers, body: image as Uint8Array<ArrayBuffer>, signal },
        [200],
      );
    },
    async get(key, signal) {
      const response = await call(urlOf(key), { method: 'GET', signal }, [200, 404]);
      if (response.status === 200) return new Uint8Array(await response.arrayBuffer());
      await response.body?.cancel();
      return undefined;
    },
    remove,
    async days(signal) {
      const days: string[] = [];
      for await (const { folders } of pages({ prefix, delimiter: '/' }, signal)) {
        days.push(...folders.map((folder) => folder.slice(prefix.length, -1)).filter(isDay));
      }
      return days.sort();
    },
    list,
    async removeDay(day, signal) {
      for await (const found of list(day, { signal })) await remove(found, signal);
    },
  };
}

/** Our keys are letters, digits, dots, dashes and slashes: no XML has to write any of them otherwise. */
function pageOf(xml: string): Page {
  const blocks = xml.match(/<Contents>.*?<\/Contents>/gs) ?? [];
  const folders = xml.match(/<CommonPrefixes>.*?<\/CommonPrefixes>/gs) ?? [];
  return {
    objects: blocks.map((block) => ({
      key: elementOf(block, 'Key'),
      bytes: Number(elementOf(block, 'Size')),
    })),
    folders: folders.map((block) => elementOf(block, 'Prefix')),
    isLast: elementOf(xml, 'IsTruncated') !== 'true',
  };
}

function elementOf(xml: string, name: string): string {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1] ?? '';
}
