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
  const bucket = new Bucket(options);
  const { prefix } = options;

  const list: CaptureStore['list'] = async function* (day, { unit, signal }) {
    const within = `${prefix}${day}/${unit === undefined ? '' : `${unit}/`}`;
    for await (const { objects } of bucket.pages({ prefix: within }, signal)) {
      for (const { key, bytes } of objects) {
        const found = keyOfPath(key.slice(prefix.length));
        if (found) yield { ...found, bytes };
      }
    }
  };

  const remove = (key: CaptureKey, signal: AbortSignal) =>
    bucket.send(pathOf(key), { method: 'DELETE', signal }, [200, 204, 404]);

  return {
    put(key, image, signal) {
      const headers = { 'x-amz-content-sha256': key.sha256, 'content-type': 'application/octet-stream' };
      const body = image as Uint8Array<ArrayBuffer>;
      return bucket.send(pathOf(key), { method: 'PUT', headers, body, signal }, [200]);
    },
    async get(key, signal) {
      const response = await bucket.call(pathOf(key), { method: 'GET', signal }, [200, 404]);
      if (response.status === 200) return new Uint8Array(await response.arrayBuffer());
      await response.body?.cancel();
      return undefined;
    },
    remove,
    async days(signal) {
      const days: string[] = [];
      for await (const { folders } of bucket.pages({ prefix, delimiter: '/' }, signal)) {
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

/** The calls of S3 that the store makes. */
class Bucket {
  readonly #client: AwsClient;
  readonly #url: string;
  readonly #options: S3Options;

  constructor(options: S3Options) {
    this.#options = options;
    this.#url = `${options.endpoint.replace(/\/$/, '')}/${options.bucket}`;
    this.#client = new AwsClient({
      accessKeyId: options.access_key_id,
      secretAccessKey: options.secret_access_key,
      service: 's3',
      region: options.region,
      // The caller decides about a second try.
      retries: 0,
    });
  }

  /** @param path of the object, below the prefix */
  call(path: string, init: Call, accepted: readonly number[]): Promise<Response> {
    return this.#fetch(`${this.#url}/${this.#options.prefix}${path}`, init, accepted);
  }

  async send(path: string, init: Call, accepted: readonly number[]): Promise<void> {
    await (await this.call(path, init, accepted)).body?.cancel();
  }

  /** Every page of a listing, each asked for by the last key of the one before. */
  async *pages(query: Record<string, string>, signal: AbortSignal): AsyncGenerator<Page> {
    for (let after = ''; ; ) {
      const found = await this.#page(after === '' ? query : { ...query, 'start-after': after }, signal);
      yield found;
      const last = [...found.objects.map(({ key }) => key), ...found.folders].sort().at(-1);
      if (found.isLast || last === undefined) return;
      // A folder is passed by as a whole: 0 is the character behind the slash.
      after = last.endsWith('/') ? `${last.slice(0, -1)}0` : last;
    }
  }

  async #page(query: Record<string, string>, signal: AbortSignal): Promise<Page> {
    const { pageKeys } = this.#options;
    const common = { 'list-type': '2', ...(pageKeys !== undefined && { 'max-keys': String(pageKeys) }) };
    const url = `${this.#url}?${new URLSearchParams({ ...common, ...query })}`;
    return pageOf(await (await this.#fetch(url, { method: 'GET', signal }, [200])).text());
  }

  async #fetch(url: string, init: Call, accepted: readonly number[]): Promise<Response> {
    const signal = AbortSignal.any([init.signal, AbortSignal.timeout(this.#options.timeoutMs)]);
    const response = await this.#client.fetch(url, { ...init, signal });
    if (accepted.includes(response.status)) return response;
    await response.body?.cancel();
    throw new CaptureStoreError(`S3 answered ${response.status} to ${init.method}`);
  }
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
