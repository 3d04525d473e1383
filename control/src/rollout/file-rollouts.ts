import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isActive, type Rollout, rolloutSchema } from '@headgate/contracts/rollout';
import { readRegularFileSync } from '@headgate/runtime/read-file';
import { AdminError } from '../api/api-env.ts';
import { replaceFile } from '../cli/replace-file.ts';
import { MAX_ROLLOUTS, type RolloutStore, type StoredRollout } from './rollout-store.ts';

/** 200 transitions with the evidence of ten guardrails. */
const MAX_BYTES = 4 * 2 ** 20;

const versionOf = (text: string) => createHash('sha256').update(text).digest('hex');

/**
 * One file a rollout.
 *
 * @param isOwner whether no other process writes there; until then each list reads them again
 */
export function fileRollouts(
  dir: string,
  isOwner: () => boolean,
  reportBroken: (file: string, error: unknown) => void,
): RolloutStore {
  let known: Map<string, StoredRollout> | undefined;

  const load = () => {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const found = new Map<string, StoredRollout>();
    for (const file of readdirSync(dir).filter((name) => name.endsWith('.json'))) {
      try {
        const text = readRegularFileSync(join(dir, file), { maxBytes: MAX_BYTES }).toString();
        const rollout = rolloutSchema.parse(JSON.parse(text));
        found.set(rollout.id, { rollout, version: versionOf(text) });
      } catch (error) {
        reportBroken(file, error);
      }
    }
    return found;
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
      if (known === undefined || !isOwner()) known = load();
      return [...known.values()];
    },
    async save(rollout, version) {
      known ??= load();
      const text = `${JSON.stringify(rollout, null, 2)}\n`;
      try {
        replaceFile(
          pathOf(rollout),
          (before) => {
            const is = before === undefined ? undefined : versionOf(before);
            if (is !== version) throw new AdminError('conflict', 'The rollout has changed. Read it again.');
            return text;
          },
          'none',
        );
      } catch (cause) {
        if (cause instanceof AdminError) throw cause;
        throw new AdminError('store_unavailable', 'The rollout cannot be written.', { cause });
      }
      const stored = { rollout, version: versionOf(text) };
      known.set(rollout.id, stored);
      removeOldest(known);
      return stored;
    },
  };
}
