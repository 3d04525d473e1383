import type { LiveModel, LiveVariant, LiveView } from '@headgate/contracts/admin/api';
import type { Tone } from '../../components/badge.tsx';
import { formatCount, formatList, formatPercent } from '../../format.ts';

/** A sentence. */
export interface Finding {
  readonly text: string;
  readonly tone: Tone;
}

/** Share of failed requests, in percent, that is worth a sentence. */
const NOTABLE_ERRORS = 1;
/** Below it, one failure would already be notable. */
const MIN_REQUESTS = 10;

/** What is live: the split first, then what is wrong. */
export function liveAnswer({ fresh, models, default_model }: LiveView): readonly Finding[] {
  const model = models.find((each) => each.model === default_model);
  if (model === undefined) return [{ text: 'No model is served.', tone: 'warn' }];
  const problems = models.flatMap((each) => problemsOf(each, { fresh, isNamed: models.length > 1 }));
  const stale: Finding = { text: 'Not every gateway gave its figures in the last 5 s.', tone: 'warn' };
  return [{ text: `${splitOf(model)}.`, tone: 'neutral' }, ...problems, ...(fresh ? [] : [stale])];
}

/** `digits: 90 % of the units get control (version 1), 10 % candidate (version 2)`. */
export function splitOf({ model, variants }: LiveModel): string {
  const parts = variants
    .filter(({ weight }) => weight > 0)
    .map(({ name, version, weight }) => ({ of: formatPercent(weight), to: `${name} (version ${version})` }));
  const [first, ...rest] = parts;
  if (first === undefined || rest.length === 0) return `${model}: all units get ${first?.to ?? 'nothing'}`;
  return `${model}: ${formatList([`${first.of} of the units get ${first.to}`, ...rest.map(({ of, to }) => `${of} ${to}`)])}`;
}

/** Failed requests in percent; undefined without requests. */
export function errorPercent({ figures }: LiveVariant): number | undefined {
  if (figures === null || figures.requests === 0) return undefined;
  return (100 * figures.errors) / figures.requests;
}

export function isFailing(variant: LiveVariant): boolean {
  return (errorPercent(variant) ?? 0) >= NOTABLE_ERRORS && (variant.figures?.requests ?? 0) >= MIN_REQUESTS;
}

function problemsOf(
  { model, variants }: LiveModel,
  { fresh, isNamed }: { fresh: boolean; isNamed: boolean },
): Finding[] {
  const of = isNamed ? ` of ${model}` : '';
  return variants.flatMap((variant) => {
    const { name, version, ready, weight, figures } = variant;
    const found: Finding[] = [];
    // Without figures nobody knows.
    if (!ready && weight > 0 && fresh) {
      const text = `Version ${version} (${name})${of} is not ready everywhere, so control answers its units.`;
      found.push({ text, tone: 'warn' });
    }
    if (isFailing(variant) && figures !== null) {
      const share = formatPercent(errorPercent(variant) ?? null);
      const counts = `${formatCount(figures.errors)} of ${formatCount(figures.requests)} in ${figures.window_s} s`;
      found.push({
        text: `Version ${version} (${name})${of} fails ${share} of its requests: ${counts}.`,
        tone: 'bad',
      });
    }
    return found;
  });
}
