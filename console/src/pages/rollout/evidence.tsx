import type { Evidence } from '@headgate/contracts/rollout';
import { sampleOf } from '@headgate/contracts/rollout-active';
import { Badge } from '../../components/badge.tsx';
import { Table } from '../../components/table.tsx';
import { plural } from '../../format.ts';
import { EVIDENCE_TONES, EVIDENCE_WORDS, formatMeasured, metricWords } from './words.ts';

/** What guardrails measured: a value says nothing without its limit and its samples. */
export function EvidenceTable({ caption, evidence }: { caption: string; evidence: readonly Evidence[] }) {
  return (
    <Table
      caption={caption}
      rows={evidence}
      keyOf={({ metric }) => metric}
      empty="Nothing has been measured yet."
      columns={[
        { head: 'Guardrail', cell: ({ metric }) => metricWords(metric) },
        {
          head: 'Result',
          cell: ({ verdict }) => <Badge tone={EVIDENCE_TONES[verdict]}>{EVIDENCE_WORDS[verdict]}</Badge>,
        },
        { head: 'Measured', numeric: true, cell: ({ metric, value }) => formatMeasured(metric, value) },
        { head: 'Limit', numeric: true, cell: ({ metric, limit }) => formatMeasured(metric, limit) },
        { head: 'Control', numeric: true, cell: ({ metric, control }) => formatMeasured(metric, control) },
        { head: 'Samples', numeric: true, cell: (one) => plural(one.samples, sampleOf(one)) },
        { head: 'In words', cell: ({ detail }) => detail },
      ]}
    />
  );
}
