import type { ExperimentReport, SrmResult } from '@headgate/contracts/admin/api';
import { Badge, type Tone } from '../../components/badge.tsx';
import { VariantName } from '../../components/bars.tsx';
import { Card } from '../../components/card.tsx';
import { Table } from '../../components/table.tsx';
import { Time } from '../../components/time.tsx';
import { formatCount, formatPercent, formatShare, plural } from '../../format.ts';

const SRM: Readonly<Record<SrmResult['verdict'], readonly [Tone, string]>> = {
  as_expected: ['good', 'Fits the weights'],
  mismatch: ['bad', 'Does not fit the weights'],
  no_data: ['warn', 'No data'],
};

/** Whether the variants get the share of units that they should: with a wrong split no other number counts. */
export function Split({ report }: { readonly report: ExperimentReport }) {
  const { srm, variants, split_since_ms } = report;
  const [tone, words] = SRM[srm.verdict];
  const total = variants.reduce((sum, { split_units }) => sum + split_units, 0);
  return (
    <Card title="Split of the units" aside={<Badge tone={tone}>{words}</Badge>}>
      <p>{srm.sentence}</p>
      <Table
        caption="Units and requests of each variant"
        rows={variants}
        keyOf={({ name }) => name}
        columns={[
          {
            head: 'Variant',
            cell: (variant) => <VariantName index={variants.indexOf(variant)}>{variant.name}</VariantName>,
          },
          { head: 'Version', cell: ({ version }) => version },
          { head: 'Target', numeric: true, cell: ({ weight }) => formatPercent(weight) },
          {
            head: 'Observed',
            numeric: true,
            cell: ({ split_units }) => (
              <>
                {formatShare(total === 0 ? null : split_units / total)}
                <p class="hint">{plural(split_units, 'unit')}</p>
              </>
            ),
          },
          { head: 'Units in all', numeric: true, cell: ({ units }) => formatCount(units) },
          { head: 'Requests in all', numeric: true, cell: ({ requests }) => formatCount(requests) },
        ]}
      />
      {variants
        .filter(({ elsewhere }) => elsewhere > 0)
        .map(({ name, elsewhere, requests }) => (
          <p key={name}>
            Another variant answered {formatCount(elsewhere)} of {plural(requests, 'request')} of {name},
            which was not ready.
          </p>
        ))}
      <p class="hint">
        Target and observed share are those since the weights changed last, <Time atMs={split_since_ms} />. A
        unit that a change of the weights moved counts for both variants.
      </p>
    </Card>
  );
}
