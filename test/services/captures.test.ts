import { fileURLToPath } from 'node:url';
import { s3Store } from '@headgate/stores/capture/s3-store';
import { ALICE, allOf, fill, imageOf, keyOf, testCaptureStore } from '@headgate/stores/testing/captures';
import { s3Obstacle, startS3, type TestS3 } from '@headgate/testkit/services/s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const CACHE = fileURLToPath(new URL('../../state/cache/s3proxy', import.meta.url));
const { signal } = new AbortController();
const obstacle = s3Obstacle();

describe.skipIf(obstacle !== undefined && process.env.CI !== 'true')(
  `Captured images in S3 (${obstacle ?? 'S3Proxy'})`,
  () => {
    let server: TestS3;
    let prefixes = 0;
    const options = (changes = {}) => ({
      endpoint: server.endpoint,
      region: 'us-east-1',
      bucket: server.bucket,
      prefix: `run-${prefixes}/`,
      access_key_id: server.accessKeyId,
      secret_access_key: server.secretAccessKey,
      timeoutMs: 20_000,
      ...changes,
    });
    const open = async () => {
      prefixes += 1;
      return s3Store(options());
    };
    const KEY = keyOf('2030-01-01', ALICE, imageOf(1));

    beforeAll(async () => {
      server = await startS3(CACHE);
    }, 300_000);
    afterAll(() => server?.close());

    testCaptureStore(open);

    it('are all found, however many pages they fill', async () => {
      const all = [1, 2, 3].flatMap((day) =>
        Array.from({ length: 7 }, (_, i) => [`2030-01-0${day}`, ALICE, day * 10 + i] as const),
      );
      await fill(await open(), all);
      for (const pageKeys of [1, 2, 7]) {
        const store = s3Store(options({ pageKeys }));
        expect(await store.days(signal)).toEqual(['2030-01-01', '2030-01-02', '2030-01-03']);
        expect(new Set((await allOf(store)).map(({ sha256 }) => sha256)).size).toBe(all.length);
      }
    });

    it('are refused when they are not what their digest says, or the key is wrong', async () => {
      const store = await open();
      await expect(store.put(KEY, imageOf(2), signal)).rejects.toThrow(/S3 answered 4/);
      const stranger = s3Store(options({ secret_access_key: 'wrong' }));
      await expect(stranger.put(KEY, imageOf(1), signal)).rejects.toThrow('S3 answered 403');
      expect(await allOf(store)).toEqual([]);
    });

    it('are not waited for longer than one request may take', async () => {
      const store = s3Store(options({ timeoutMs: 50 }));
      server.pause();
      await expect(store.days(signal)).rejects.toThrow(/timeout|aborted/);
      server.resume();
    });
  },
);
