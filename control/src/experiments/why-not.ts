import type { Metric } from '@headgate/contracts/admin/api';
import type { ComparisonResult } from './evaluate.ts';

/** What a reader should know of a variant, beside the numbers of a metric. */
export interface GroupFacts {
  readonly name: string;
  readonly weight: number;
  /** Units that sent a request; those of them that did while both variants of the comparison had weight. */
  readonly units: number;
  readonly compared: number;
  readonly requests: number;
  readonly elsewhere: number;
}

export interface Facts {
  readonly control: GroupFacts;
  readonly treatment: GroupFacts;
  /** Those of the two that had a weight of 0 % for a time. */
  readonly idle: readonly string[];
  readonly hasEnded: boolean;
}

/** Why a comparison has no verdict, and what to do. */
export function whyNot(result: ComparisonResult, metric: Metric, facts: Facts): string {
  const sides = sidesOf(result, facts);
  const idle = sides.find(({ requests, elsewhere }) => requests - elsewhere <= 0);
  if (idle) return whyIdle(idle, facts.hasEnded);
  const stopped = facts.hasEnded ? undefined : sides.find(({ weight }) => weight === 0);
  const remedy = stopped ? ` ${stopped.name} has a weight of 0 %. Give it a weight to go on.` : '';
  if (sides.some(({ compared }) => compared === 0)) {
    return `${facts.control.name} and ${facts.treatment.name} have not had weight at the same time.${remedy}`;
  }
  const silent = sides.find(({ counted }) => counted === 0);
  if (silent) return SILENT[metric].replaceAll('NAME', silent.name);
  const yet = facts.hasEnded || stopped ? '' : ' yet';
  return `Not enough data${yet}: ${lack(result, metric)}.${remedy}`;
}

/** With the units that the metric counts. */
const sidesOf = (result: ComparisonResult, { control, treatment }: Facts) => [
  { ...control, counted: result.control.units },
  { ...treatment, counted: result.units },
];

function lack({ enough, units, control, variant }: ComparisonResult, metric: Metric): string {
  const { needs, name } = enough;
  const has = Math.floor(enough.has);
  if (has >= needs) return 'all units have the same value';
  if (metric === 'p95_ms') return `${has} of ${needs} units of ${name}; p95 takes one request of each unit`;
  const counted = name === variant ? units : control.units;
  return counted === has
    ? `${has} of ${needs} units of ${name}`
    : `the ${counted} units of ${name} count as ${has} of ${needs}, since units do not count equally`;
}

function whyIdle({ name, weight, requests }: GroupFacts, hasEnded: boolean): string {
  if (requests > 0) {
    const all = requests === 1 ? 'the only request' : `all ${requests} requests`;
    return `${name} is not ready: another variant answered ${all} of its units.`;
  }
  if (weight > 0 || hasEnded) return `No unit of ${name} has sent a request${hasEnded ? '' : ' yet'}.`;
  return `${name} gets no units: its weight is 0 %. Give it a weight to compare it.`;
}

const SILENT: Readonly<Record<Metric, string>> = {
  success_rate: 'No request of NAME counts: all were refused or cancelled.',
  latency_ms: 'NAME has answered no request.',
  p95_ms:
    'p95 counts whole periods of ten minutes: none with an answer of NAME is over since the weights changed.',
  accuracy: 'Nobody has sent feedback with a label or class about predictions of NAME.',
  reward: 'Nobody has sent a reward for predictions of NAME.',
};

/** What units lack that a metric leaves out. */
const LACKING: Readonly<Record<Metric, string>> = {
  success_rate: 'whose requests were all refused or cancelled',
  latency_ms: 'without an answer',
  p95_ms: 'without an answer in ten minutes that are over, since the weights changed',
  accuracy: 'without feedback that has a label or class',
  reward: 'without a reward',
};

/** Which units a metric leaves out, and why; empty when all count. */
export function leftOut(result: ComparisonResult, metric: Metric, facts: Facts): string {
  const groups = sidesOf(result, facts).filter(({ counted }) => counted > 0);
  const aloneOf = ({ units, compared }: GroupFacts) => (metric === 'p95_ms' ? 0 : units - compared);
  const alone = groups.flatMap((group) => {
    const count = aloneOf(group);
    return count > 0
      ? [`${count} of ${group.name} that came only while the weight of ${facts.idle.join(' or ')} was 0 %`]
      : [];
  });
  const lacking = groups.flatMap((group) => {
    const count = group.units - aloneOf(group) - group.counted;
    return count > 0 ? [`${count} of ${group.name}`] : [];
  });
  const reasons = lacking.length > 0 ? [...alone, `${lacking.join(' and ')} ${LACKING[metric]}`] : alone;
  return reasons.length === 0 ? '' : `Units left out: ${reasons.join('; ')}.`;
}
