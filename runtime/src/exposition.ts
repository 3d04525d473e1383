/** One sample of a page in Prometheus' text format. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LINE = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** The samples of these names; all other lines are passed over. */
export function samplesOf(page: string, names: ReadonlySet<string>): Sample[] {
  const samples: Sample[] = [];
  for (const line of page.split('\n')) {
    const [, name = '', labels = '', value] = LINE.exec(line) ?? [];
    if (!names.has(name)) continue;
    samples.push({ name, labels: labelsOf(labels), value: Number(value) });
  }
  return samples;
}

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [, name = '', value = ''] of text.matchAll(LABEL)) labels[name] = value;
  return labels;
}
