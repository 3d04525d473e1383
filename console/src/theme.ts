import { signal } from '@preact/signals';

const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const STORAGE_KEY = 'headgate-theme';

export const theme = signal<Theme>('system');

/** Shows what the browser remembers; `system` follows prefers-color-scheme. */
export function startTheme(): void {
  const remembered = THEMES.find((name) => name === localStorage.getItem(STORAGE_KEY));
  apply(remembered ?? 'system');
}

export function nextTheme(): void {
  const next = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? 'system';
  localStorage.setItem(STORAGE_KEY, next);
  apply(next);
}

function apply(name: Theme): void {
  theme.value = name;
  document.documentElement.dataset.theme = name;
}
