import { signal } from '@preact/signals';

/** Addresses are in the fragment, so any static server serves the console: `#/weights/digits?…`. */
export interface Route {
  /** First part of the path; empty for the start page. */
  readonly page: string;
  readonly params: readonly string[];
  readonly query: URLSearchParams;
}

/** Never throws: a part that is no valid encoding stays as it is. */
export function parseRoute(fragment: string): Route {
  const [path = '', query = ''] = fragment.replace(/^#?\/?/, '').split('?', 2);
  const [page = '', ...params] = path.split('/').filter(Boolean).map(decode);
  return { page, params, query: new URLSearchParams(query) };
}

/** Address of a page for a link. Empty values of the query are left out. */
export function href(
  page: string,
  params: readonly string[] = [],
  query: Record<string, string> = {},
): string {
  const path = [page, ...params].map(encodeURIComponent).join('/');
  const given = Object.entries(query).filter(([, value]) => value !== '');
  return given.length === 0 ? `#/${path}` : `#/${path}?${new URLSearchParams(given)}`;
}

export const route = signal<Route>(parseRoute(''));

/** Follows the address from now on. */
export function startRouter(): void {
  const follow = () => {
    route.value = parseRoute(location.hash);
  };
  addEventListener('hashchange', follow);
  follow();
}

export function navigate(to: string): void {
  location.hash = to;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
