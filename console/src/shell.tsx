import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { logOut, session } from './api.ts';
import { Dialog } from './components/dialog.tsx';
import { toast } from './components/toast.tsx';
import { formatAbsolute, formatClock } from './format.ts';
import { connection, startLive } from './live.ts';
import { PAGES } from './pages.tsx';
import { href, navigate, route } from './router.ts';
import { type Shortcut, startShortcuts } from './shortcuts.ts';
import { nextTheme, theme } from './theme.ts';

/** What surrounds each page: skip link, menu, the state of the connection, keyboard. */
export function Shell({ children }: { children: ComponentChildren }) {
  const isHelpOpen = useSignal(false);
  const isIn = session.value.kind === 'in';
  useEffect(() => (isIn ? startLive() : undefined), [isIn]);
  useEffect(() => startShortcuts((shortcut) => act(shortcut, () => (isHelpOpen.value = true))), []);
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        Skip to the content
      </button>
      <header class="bar">
        <a class="brand" href={href('live')}>
          Headgate
        </a>
        <Menu />
        <div class="tools">
          <button type="button" class="quiet" onClick={nextTheme} title="Colours: system, light or dark (t)">
            Colours: {theme.value}
          </button>
          <button
            type="button"
            class="quiet keys-button"
            title="Keyboard (?)"
            onClick={() => {
              isHelpOpen.value = true;
            }}
          >
            Keys
          </button>
          <button type="button" class="quiet" onClick={leave}>
            Log out
          </button>
        </div>
      </header>
      <Staleness />
      <main id="main" tabIndex={-1}>
        {children}
      </main>
      <Help
        open={isHelpOpen.value}
        onClose={() => {
          isHelpOpen.value = false;
        }}
      />
    </>
  );
}

function Menu() {
  const isOpen = useSignal(false);
  const current = route.value.page || 'live';
  return (
    <nav aria-label="Pages" class={isOpen.value ? 'open' : undefined}>
      <button
        type="button"
        class="menu quiet"
        aria-expanded={isOpen.value}
        onClick={() => {
          isOpen.value = !isOpen.value;
        }}
      >
        {PAGES.find(({ id }) => id === current)?.title ?? 'Pages'} <span aria-hidden="true">▾</span>
      </button>
      <ul>
        {PAGES.map(({ id, title, key }) => (
          <li key={id}>
            <a
              href={href(id)}
              aria-current={id === current ? 'page' : undefined}
              title={`g ${key}`}
              onClick={() => {
                isOpen.value = false;
              }}
            >
              {title}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** Old figures must never pass for new ones. */
function Staleness() {
  const state = connection.value;
  return (
    <div role="status">
      {state.kind === 'stale' && (
        <p class="note warn stale">
          Control has sent nothing since{' '}
          <time title={formatAbsolute(state.sinceMs)}>{formatClock(state.sinceMs)}</time>. The console
          connects again by itself.
        </p>
      )}
    </div>
  );
}

const KEYS: readonly (readonly [string, string])[] = [
  ...PAGES.map(({ key, title }) => [`g ${key}`, title] as const),
  ['/', 'Find a request'],
  ['t', 'Colours: system, light, dark'],
  ['?', 'This help'],
  ['Esc', 'Close a dialog or a message'],
];

function Help({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Dialog title="Keyboard" open={open} onClose={onClose}>
      <dl class="keys">
        {KEYS.map(([keys, meaning]) => (
          <div key={keys}>
            <dt>
              {keys.split(' ').map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
      <button type="button" class="primary" onClick={onClose}>
        Close
      </button>
    </Dialog>
  );
}

/** @returns whether the shortcut meant anything */
function act(shortcut: Shortcut, help: () => void): boolean {
  if (shortcut.kind === 'help') help();
  else if (shortcut.kind === 'theme') nextTheme();
  else if (shortcut.kind === 'search') navigate(href('requests'));
  else if (shortcut.kind === 'page') {
    const page = PAGES.find(({ key }) => key === shortcut.key);
    if (page === undefined) return false;
    navigate(href(page.id));
  }
  return true;
}

async function leave(): Promise<void> {
  const ended = await logOut();
  if (!ended.ok) toast(`You are still logged in: ${ended.failure.detail}`, 'bad');
}
