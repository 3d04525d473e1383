import { useSignal } from '@preact/signals';
import { useCallback, useEffect } from 'preact/hooks';
import { call, type Failure, session } from './api.ts';
import { now } from './clock.ts';

/** An answer of the API that a page shows. */
export interface Resource<T> {
  /** The last answer; it stays when a later one fails. */
  readonly value: T | undefined;
  /** Why the last attempt failed. */
  readonly failure: Failure | undefined;
  /** By the clock of control. */
  readonly loadedAtMs: number | undefined;
  readonly reload: () => void;
}

interface State<T> {
  readonly path: string | null;
  readonly value?: T | undefined;
  readonly failure?: Failure | undefined;
  readonly loadedAtMs?: number | undefined;
}

/**
 * Loads `path` now, again when it changes or somebody logs in, and every `everyMs`.
 *
 * @param path below the base of the API; null loads nothing
 */
export function useResource<T>(path: string | null, { everyMs }: { everyMs?: number } = {}): Resource<T> {
  const state = useSignal<State<T>>({ path });
  const attempt = useSignal(0);
  const csrf = session.value.kind === 'in' ? session.value.session.csrf : null;
  const reload = useCallback(() => {
    attempt.value += 1;
  }, [attempt]);
  useEffect(() => {
    if (path === null || csrf === null) return;
    const controller = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const load = async () => {
      const result = await call<T>('GET', path, { signal: controller.signal });
      if (controller.signal.aborted) return;
      state.value = result.ok
        ? { path, value: result.value, loadedAtMs: now.peek() }
        : { ...(state.peek().path === path ? state.peek() : { path }), failure: result.failure };
      if (everyMs !== undefined) timer = setTimeout(load, everyMs);
    };
    void load();
    return () => {
      controller.abort();
      clearTimeout(timer);
    };
  }, [path, csrf, attempt.value, everyMs]);

  const current: State<T> = state.value.path === path ? state.value : { path };
  const { value, failure, loadedAtMs } = current;
  return { value, failure, loadedAtMs, reload };
}
