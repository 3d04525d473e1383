import type { Surroundings } from './surroundings.ts';

/** Shorter waits need no explanation. */
const AFTER_MS = 2000;
const FRAME_MS = 100;
const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/** Waits for `work`; from 2 s on a terminal shows what for, and since when. */
export async function withProgress<T>(
  what: string,
  { err, terminal }: Surroundings,
  work: Promise<T>,
): Promise<T> {
  if (!terminal.err) return work;
  const startMs = performance.now();
  let shown = 0;
  const timer = setInterval(() => {
    const elapsedMs = performance.now() - startMs;
    if (elapsedMs < AFTER_MS) return;
    err(`\r${FRAMES[shown % FRAMES.length]} ${what}, ${Math.floor(elapsedMs / 1000)} s`);
    shown += 1;
  }, FRAME_MS);
  try {
    return await work;
  } finally {
    clearInterval(timer);
    if (shown > 0) err('\r\u001b[K');
  }
}
