import { fetchOnce } from './http.ts';

/** One line of a Prometheus text page. */
export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Reads a /metrics page. */
export async function scrape(url: string): Promise<Series[]> {
  const { status, text } = await fetchOnce(url);
  if (status !== 200) throw new Error(`${url} answered ${status}`);
  return text.split('\n').flatMap((line) => {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
    if (!match) return [];
    const [, name = '', labels = '', value = ''] = match;
    return [{ name, labels: labelsOf(labels), value: Number(value) }];
  });
}

/** Sum of all series of `name` that carry `labels`; 0 when there is none. */
export function total(series: readonly Series[], name: string, labels: Series['labels'] = {}): number {
  return series
    .filter((one) => one.name === name && Object.entries(labels).every(([k, v]) => one.labels[k] === v))
    .reduce((sum, one) => sum + one.value, 0);
}

function labelsOf(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, k, v]) => [k, v]));
}
