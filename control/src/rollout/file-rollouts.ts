import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isActive, type Rollout } from '@headgate/contracts/rollout';
import { readRegularFileSync } from '@headgate/runtime/read-file';
import { AdminError } from '../api/api-env.ts';
import { replaceFile } from '../cli/replace-file.ts';
import { documentReader, MAX_ROLLOUTS, type RolloutStore, type StoredRollout } from './rollout-store.ts';

/** 200 transitions with the evidence of ten guardrails. */
const MAX_BYTES = 4 * 2 ** 20;

/**
 * One file a rollout.
 *
 * @param isOwner whether no other process writes there; then they are read once
 */
export function fileRollouts(
  dir: string,
  isOwner: () => boolean,
  reportBroken: (file: string, error: unknown) => void,
): RolloutStore {
  const read = documentReader(reportBroken);
  /** Undefined when the folder must be read again. */
  let known: Map<string, StoredRollout> | undefined;
  let wasOwner = false;

  const load = () => {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const texts: Record<string, string> = {};
    for (const file of readdirSync(dir).filter((name) => name.endsWith('.json'))) {
      try {
        texts[file] = readRegularFileSync(join(dir, file), { maxBytes: MAX_BYTES }).toString();
      } catch (error) {
        reportBroken(file, error);
      }
    }
    return new Map(read(texts).map((stored) => [stored.rollout.id, stored]));
  };
  const pathOf = ({ id }: Rollout) => join(dir, `${id}.json`);
  const removeOldest = (all: Map<string, StoredRollout>) => {
    const over = [...all.values()].map(({ rollout }) => rollout).filter((rollout) => !isActive(rollout));
    over.sort((a, b) => a.started_at_ms - b.started_at_ms);
    for (const rollout of over.slice(0, Math.max(0, all.size - MAX_ROLLOUTS))) {
      rmSync(pathOf(rollout), { force: true });
      all.delete(rollout.id);
    }
  };

  return {
    async list() {
      const isNow = isOwner();
      // The owner before may have written since.
      if (!known || !isNow || !wasOwner) known = load();
      wasOwner = isNow;
      return [...known.values()];
    },
    async save(rollout, version) {
      known ??= load();
      const text = `${JSON.stringify(rollout, null, 2)}\n`;
      try {
        replaceFile(
          pathOf(rollout),
          (before) => {
            if (before === version) return text;
            known = undefined;
            throw new AdminError('conflict', 'The rollout has changed. Read it again.');
          },
          'none',
        );
      } catch (cause) {
        if (cause instanceof AdminError) throw cause;
        throw new AdminError('store_unavailable', 'The rollout cannot be written.', { cause });
      }
      const stored = { rollout, version: text };
      known.set(rollout.id, stored);
      removeOldest(known);
      return stored;
    },
  };
}
