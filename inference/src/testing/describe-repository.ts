import { describe, expect, it } from 'vitest';
import type { ModelRepository } from '../models/repository.ts';

/** A repository under test, and the other side of it: what puts versions there. */
export interface RepositoryUnderTest {
  readonly repository: ModelRepository;
  /** Puts a complete version there, or replaces it by another one: each call with another description. */
  publish(model: string, version: string, description?: string): Promise<void>;
  /** Leaves a version half published, like a publisher that crashed. */
  publishHalf(model: string, version: string): Promise<void>;
  remove(model: string, version: string): Promise<void>;
}

/** What every source of models promises. @param create a repository that is empty */
export function describeRepository(name: string, create: () => Promise<RepositoryUnderTest>): void {
  const never = new AbortController().signal;

  describe(`${name}, as a model repository`, () => {
    it('is empty first', async () => {
      expect(await (await create()).repository.list()).toEqual([]);
    });

    it('lists models by name, and their versions from old to new by their number', async () => {
      const { repository, publish } = await create();
      for (const version of ['10', '9', '2-rc1']) await publish('b', version);
      await publish('a', '1');
      const names = (await repository.list()).map(({ model, version }) => `${model}/${version}`);
      expect(names).toEqual(['a/1', 'b/2-rc1', 'b/9', 'b/10']);
    });

    it('opens what it lists, with manifest and labels', async () => {
      const { repository, publish } = await create();
      await publish('a', '1', 'the first');
      const opened = await repository.open('a', '1', never);
      expect(opened.manifest).toMatchObject({ name: 'a', version: '1', description: 'the first' });
      expect(opened.labels).toEqual([]);
      expect(opened.directory).not.toBe('');
    });

    it('does not offer a version that is not complete', async () => {
      const { repository, publish, publishHalf } = await create();
      await publish('a', '1');
      await publishHalf('a', '2');
      expect(await repository.list()).toEqual([{ model: 'a', version: '1' }]);
      await expect(repository.open('a', '2', never)).rejects.toMatchObject({ name: 'LoadError' });
    });

    it('says what is missing', async () => {
      const { repository, publish } = await create();
      await publish('a', '1');
      for (const [model, version] of [
        ['a', '2'],
        ['b', '1'],
      ] as const) {
        await expect(repository.open(model, version, never)).rejects.toMatchObject({ kind: 'missing' });
      }
    });

    it('looks up no name that no routing table could hold', async () => {
      const { repository, publish } = await create();
      await publish('a', '1');
      for (const [model, version] of [
        ['a', '../a/1'],
        ['..', '1'],
        ['a', ''],
        ['a/1', '.'],
        ['a', '1\0'],
      ] as const) {
        await expect(repository.open(model, version, never)).rejects.toMatchObject({ kind: 'missing' });
      }
    });

    it('notices that an opened version was replaced or removed, and opens the new one', async () => {
      const { repository, publish, remove } = await create();
      await publish('a', '1', 'old');
      const old = await repository.open('a', '1', never);
      expect(await repository.isCurrent(old)).toBe(true);
      await publish('a', '1', 'new');
      expect(await repository.isCurrent(old)).toBe(false);
      const fresh = await repository.open('a', '1', never);
      expect(fresh.manifest.description).toBe('new');
      expect(await repository.isCurrent(fresh)).toBe(true);
      await remove('a', '1');
      expect(await repository.isCurrent(fresh)).toBe(false);
    });

    it('opens nothing for somebody who has left', async () => {
      const { repository, publish } = await create();
      await publish('a', '1');
      const reason = new Error('not wanted any more');
      await expect(repository.open('a', '1', AbortSignal.abort(reason))).rejects.toBe(reason);
    });
  });
}
