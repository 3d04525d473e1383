import type { ExperimentReport, ExperimentVariant, SrmResult } from '@headgate/contracts/admin/api';
import { Badge, type Tone } from '../../components/badge.tsx';
import { VariantName } from '../../components/bars.tsx';
import { Card } from '../../components/card.tsx';
import { Table } from '../../components/table.tsx';
import { formatCount, formatPercent, formatShare } from '../../format.ts';

const SRM: Readonly<Record<SrmResult['verdict'], readonly [Tone, string]>> = {
  as_expected: ['good', 'As expected'],
  mismatch: ['bad', 'Not as expected'],
  no_data: ['warn', 'No data'],
};

/** Whether the variants get the share of units that they should: with a wrong split no other number counts. */
export function Split({ report: { srm, variants } }: { readonly report: ExperimentReport }) {
  const [tone, words] = SRM[srm.verdict];
  const total = variants.reduce((sum, { units }) => sum + units, 0);
  const share = ({ units }: ExperimentVariant) => (total === 0 ? null : units / total);
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
          { head: 'Observed', numeric: true, cell: (variant) => formatShare(share(variant)) },
          { head: 'Units', numeric: true, cell: ({ units }) => formatCount(units) },
          { head: 'Requests', numeric: true, cell: ({ requests }) => formatCount(requests) },
        ]}
      />
    </Card>
  );
}
