import type {
  LiveModel,
  LiveVariant,
  LiveView,
  RoutingSourceView,
  VersionView,
} from '@headgate/contracts/admin/api';
import { Badge } from '../components/badge.tsx';
import { colourOf, IntervalBar, ShareBar, VariantName } from '../components/bars.tsx';
import { Card } from '../components/card.tsx';
import { Loading } from '../components/loaded.tsx';
import { Page } from '../components/page.tsx';
import { Ready } from '../components/ready.tsx';
import { RefusedTable } from '../components/refused-table.tsx';
import { type Column, Table } from '../components/table.tsx';
import { Time } from '../components/time.tsx';
import { formatCount, formatMs, formatPercent, plural } from '../format.ts';
import { live } from '../live.ts';
import { href } from '../router.ts';
import { errorPercent, type Finding, isFailing, liveAnswer, splitOf } from './live/answer.ts';

const TITLE = 'What is live';

export function LivePage() {
  const view = live.value;
  if (view === null) {
    return (
      <Page title={TITLE}>
        <Loading what="the figures" />
      </Page>
    );
  }
  // The default model first.
  const models = view.models.toSorted((a, b) => rank(view, a) - rank(view, b));
  return (
    <Page title={TITLE} answer={liveAnswer(view).map(sentence)}>
      <RefusedTable newest={view.routing}>
        Correct it, or <a href={href('weights')}>save weights over it</a>.
      </RefusedTable>
      {models.map((model) => (
        <ModelCard
          key={model.model}
          model={model}
          isFresh={view.fresh}
          isDefault={model.model === view.default_model}
        />
      ))}
      <div class="columns">
        <RoutingCard source={view.routing} />
        <Card title="Gateways">
          <Ready pods={view.gateways} what="gateway" />
        </Card>
      </div>
    </Page>
  );
}

function sentence({ text, tone }: Finding) {
  return (
    <span key={text} class={tone}>
      {text}{' '}
    </span>
  );
}

function rank({ default_model }: LiveView, { model }: LiveModel): number {
  return model === default_model ? 0 : 1;
}

function ModelCard(props: { model: LiveModel; isFresh: boolean; isDefault: boolean }) {
  const { model, isFresh, isDefault } = props;
  const { variants } = model;
  return (
    <Card
      title={model.model}
      aside={
        <div class="row">
          {isDefault && <Badge>default model</Badge>}
          {model.rollout !== null && <a href={href('rollout', [model.rollout])}>Rollout in progress</a>}
          <a href={href('experiment', [model.model])}>Which is better</a>
          <a href={href('weights', [model.model])}>Change weights</a>
        </div>
      }
    >
      <ShareBar
        label={splitOf(model)}
        shares={variants.map(({ name, weight }) => ({ name, percent: weight }))}
      />
      <Table
        caption={`Variants of ${model.model}`}
        columns={columnsOf(variants, isFresh)}
        rows={variants}
        keyOf={({ name }) => name}
      />
      <Table
        caption={`Versions of ${model.model} and where they are ready`}
        columns={VERSION_COLUMNS}
        rows={model.versions}
        keyOf={({ version }) => version}
        empty="No version is served."
      />
    </Card>
  );
}

const VERSION_COLUMNS: readonly Column<VersionView>[] = [
  { head: 'Version', cell: ({ version }) => version },
  { head: 'Ready on', cell: ({ pods }) => <Ready pods={pods} what="pod" /> },
];

function columnsOf(variants: readonly LiveVariant[], isFresh: boolean): readonly Column<LiveVariant>[] {
  const windowS = variants.find(({ figures }) => figures !== null)?.figures?.window_s;
  const window = windowS === undefined ? '' : `, ${windowS} s`;
  return [
    {
      head: 'Variant',
      cell: ({ name, version, ready }) => (
        <VariantName index={variants.findIndex((each) => each.name === name)}>
          {name} <span class="muted">version {version}</span>{' '}
          {!ready && isFresh && <Badge tone="warn">not ready</Badge>}
        </VariantName>
      ),
    },
    { head: 'Target', numeric: true, cell: ({ weight }) => formatPercent(weight) },
    {
      head: 'Observed, 95 % interval',
      cell: (variant) => <Observed variants={variants} variant={variant} />,
    },
    {
      head: `Requests${window}`,
      numeric: true,
      cell: ({ figures }) => formatCount(figures?.requests ?? null),
    },
    { head: 'Errors', numeric: true, cell: (variant) => <Errors variant={variant} /> },
    { head: 'p50', numeric: true, cell: ({ figures }) => formatMs(figures?.p50_ms ?? null) },
    { head: 'p95', numeric: true, cell: ({ figures }) => formatMs(figures?.p95_ms ?? null) },
  ];
}

/** The target is the line in the middle: the scale is as wide as the interval needs. */
function Observed({ variants, variant }: { variants: readonly LiveVariant[]; variant: LiveVariant }) {
  const { name, weight, observed } = variant;
  if (observed === null) return <span class="muted">no units yet</span>;
  const { share, low, high, units } = observed;
  const reach = 1.6 * Math.max(Math.abs(low - weight), Math.abs(high - weight), 0.1);
  const text = `${formatPercent(share, 1)} (${formatPercent(low, 1)} to ${formatPercent(high, 1)})`;
  return (
    <div class="observed">
      <IntervalBar
        label={`${name}: observed ${text}, target ${formatPercent(weight)}`}
        value={share}
        low={low}
        high={high}
        reference={weight}
        domain={[weight - reach, weight + reach]}
        colour={colourOf(variants.indexOf(variant))}
      />
      <span>
        {text}, <span class="muted">{plural(units, 'unit')}</span>
      </span>
    </div>
  );
}

function Errors({ variant }: { variant: LiveVariant }) {
  const { figures } = variant;
  if (figures === null) return '–';
  if (figures.errors === 0) return '0';
  const text = `${formatCount(figures.errors)} (${formatPercent(errorPercent(variant) ?? null)})`;
  return isFailing(variant) ? <Badge tone="bad">{text}</Badge> : text;
}

function RoutingCard({ source: { source, in_force: inForce } }: { source: RoutingSourceView }) {
  const { changed_at_ms: changedAtMs, changed_by: changedBy, revision } = inForce;
  return (
    <Card title="Routing table in force">
      <dl class="facts">
        <dt>From</dt>
        <dd>{source === 'file' ? 'a file' : 'a ConfigMap'}</dd>
        <dt>Changed</dt>
        <dd>
          {changedAtMs === null ? 'unknown' : <Time atMs={changedAtMs} />} by{' '}
          {changedBy ?? 'somebody unknown'}
        </dd>
        <dt>Revision</dt>
        <dd class="mono">{revision}</dd>
      </dl>
    </Card>
  );
}
