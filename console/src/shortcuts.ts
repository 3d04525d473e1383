/** `g` and a letter goes to a page; single keys act. */
export type Shortcut =
  | { readonly kind: 'page'; readonly key: string }
  | { readonly kind: 'help' }
  | { readonly kind: 'theme' }
  | { readonly kind: 'search' };

const SINGLE: Readonly<Record<string, Shortcut>> = {
  '?': { kind: 'help' },
  t: { kind: 'theme' },
  '/': { kind: 'search' },
};

/** Longest time between `g` and its letter. */
const PAUSE_MS = 1500;

/** Reads keys one after the other. @returns what a key asks for; undefined: nothing yet, or nothing at all */
export function shortcutReader(): (key: string, atMs: number) => Shortcut | undefined {
  let goAtMs = Number.NEGATIVE_INFINITY;
  return (key, atMs) => {
    const isGoing = atMs - goAtMs <= PAUSE_MS;
    goAtMs = key === 'g' && !isGoing ? atMs : Number.NEGATIVE_INFINITY;
    if (isGoing) return { kind: 'page', key };
    return Object.hasOwn(SINGLE, key) ? SINGLE[key] : undefined;
  };
}

/** Calls `act` for keys that are not typed into a field or meant for the browser. */
export function startShortcuts(act: (shortcut: Shortcut) => boolean): () => void {
  const read = shortcutReader();
  const onKey = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (isTyping(event.target) || document.querySelector('dialog[open]') !== null) return;
    const shortcut = read(event.key, event.timeStamp);
    if (shortcut !== undefined && act(shortcut)) event.preventDefault();
  };
  addEventListener('keydown', onKey);
  return () => removeEventListener('keydown', onKey);
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('input, textarea, select') !== null;
}
