import type { Sample } from '@headgate/runtime/exposition';
import { fetchOnce } from './http.ts';

export type { Sample };

/** One metric of a page in Prometheus's text format. */
export interface Family {
  readonly help: string;
  readonly type: string;
  readonly samples: Sample[];
}

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)",?/g;

/** Samples of a /metrics page. */
export async function scrape(url: string): Promise<Sample[]> {
  const { status, text } = await fetchOnce(url);
  if (status !== 200) throw new Error(`${url} answered ${status}`);
  return samplesIn(text);
}

export function samplesIn(page: string): Sample[] {
  return [...parseMetrics(page).families.values()].flatMap(({ samples }) => samples);
}

/** Sum of all samples of `name` that carry `labels`; 0 when there is none. */
export function total(samples: readonly Sample[], name: string, labels: Sample['labels'] = {}): number {
  return samples
    .filter((one) => one.name === name && Object.entries(labels).every(([k, v]) => one.labels[k] === v))
    .reduce((sum, one) => sum + one.value, 0);
}

/** The metrics of a page by name, and the lines that the parser does not understand. */
export function parseMetrics(page: string): { families: Map<string, Family>; problems: string[] } {
  const families = new Map<string, Family>();
  const problems: string[] = [];
  let help = '';
  for (const line of page.split('\n').filter((one) => one !== '')) {
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (kind === 'HELP') help = rest;
    else if (kind === 'TYPE') {
      if (families.has(name)) problems.push(`${name} is declared twice`);
      families.set(name, { help, type: rest, samples: [] });
    } else {
      const sample = sampleOf(line);
      const family = sample && (families.get(sample.name) ?? families.get(baseOf(sample.name)));
      if (sample && family) family.samples.push(sample);
      else problems.push(`${line}: neither a comment nor a sample of a declared metric`);
    }
  }
  return { families, problems };
}

function sampleOf(line: string): Sample | undefined {
  const [, name, labelText = '', value = ''] = SAMPLE.exec(line) ?? [];
  // Prometheus accepts NaN in any case.
  if (name === undefined || (Number.isNaN(Number(value)) && !/^nan$/i.test(value))) return undefined;
  const labels = Object.fromEntries([...labelText.matchAll(LABEL)].map(([, key, text]) => [key, text]));
  return { name, labels, value: Number(value) };
}

function baseOf(name: string): string {
  return name.replace(/_(bucket|sum|count)$/, '');
}
