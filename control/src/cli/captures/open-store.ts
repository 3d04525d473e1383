import { openCaptureStore } from '@headgate/stores/capture/open-store';
import type { CaptureStore } from '@headgate/stores/capture/store';
import { CliError } from '../errors.ts';
import type { Installation } from '../surroundings.ts';

/** A command over a store goes on for no longer. */
export const WITHIN_MS = 6 * 3_600_000;

/** @throws CliError usage, where no store is configured */
export async function openStore({ root, config }: Installation): Promise<CaptureStore> {
  const store = await openCaptureStore(config.capture, root);
  if (store) return store;
  throw new CliError('usage', 'capture.store is none: no image is kept', {
    remedy: 'name the store that images were kept in, with HEADGATE_CAPTURE__STORE for this command',
  });
}
