import { resolve } from 'node:path';
import type { CaptureConfig } from '@headgate/contracts/config/capture';
import { folderStore } from './folder-store.ts';
import type { CaptureStore } from './store.ts';

/** Limit of one call of the store. */
export const STORE_TIMEOUT_MS = 5000;

/**
 * The store that the configuration names; undefined where nothing is captured.
 *
 * @param root relative paths start here
 */
export async function openCaptureStore(
  { store, dir, s3 }: CaptureConfig,
  root: string,
): Promise<CaptureStore | undefined> {
  if (store === 'none') return undefined;
  if (store === 'folder') return folderStore(resolve(root, dir));
  const { s3Store } = await import('./s3-store.ts');
  return s3Store({ ...s3, timeoutMs: STORE_TIMEOUT_MS });
}
