import type { DependencyView } from '@headgate/contracts/admin/api';
import { Badge, type Tone } from '../components/badge.tsx';
import { Loaded } from '../components/loaded.tsx';
import { Page } from '../components/page.tsx';
import { type Column, Table } from '../components/table.tsx';
import { Time } from '../components/time.tsx';
import { formatList } from '../format.ts';
import { useResource } from '../resource.ts';

const EVERY_MS = 5000;

const TONES: Readonly<Record<DependencyView['state'], Tone>> = {
  ok: 'good',
  starting: 'neutral',
  degraded: 'warn',
  down: 'bad',
  off: 'neutral',
};

const COLUMNS: readonly Column<DependencyView>[] = [
  { head: 'Part', cell: ({ name }) => name },
  { head: 'State', cell: ({ state }) => <Badge tone={TONES[state]}>{state}</Badge> },
  { head: 'Found', cell: ({ detail }) => <span class="free">{detail}</span> },
  { head: 'What to do', cell: ({ remedy }) => (remedy === '' ? <span class="muted">nothing</span> : remedy) },
  { head: 'Checked', cell: ({ checked_at_ms }) => <Time atMs={checked_at_ms} /> },
];

/** What Headgate needs, and whether it is there. */
export function DependenciesPage() {
  const loaded = useResource<{ dependencies: readonly DependencyView[] }>('/dependencies', {
    everyMs: EVERY_MS,
  });
  const all = loaded.value?.dependencies;
  const answer = all === undefined ? undefined : answerOf(all);
  return (
    <Page title="Dependencies" answer={answer?.text} tone={answer?.tone ?? 'neutral'}>
      <Loaded of={loaded} what="the state of the dependencies">
        {({ dependencies }) => (
          <div class="card">
            <Table
              caption="Dependencies"
              columns={COLUMNS}
              rows={dependencies.toSorted((a, b) => rank(a) - rank(b))}
              keyOf={({ name }) => name}
              empty="Nothing is needed."
            />
          </div>
        )}
      </Loaded>
    </Page>
  );
}

/** What needs somebody stands first. */
function rank({ state }: DependencyView): number {
  return ['down', 'degraded', 'starting', 'ok', 'off'].indexOf(state);
}

function answerOf(all: readonly DependencyView[]): { text: string; tone: Tone } {
  const named = (state: DependencyView['state']) =>
    all.filter((each) => each.state === state).map(({ name }) => name);
  const [down, degraded, starting, ok] = [named('down'), named('degraded'), named('starting'), named('ok')];
  if (down.length > 0) return { text: `Down: ${formatList(down)}.`, tone: 'bad' };
  if (degraded.length > 0) return { text: `Degraded: ${formatList(degraded)}.`, tone: 'warn' };
  if (starting.length > 0) return { text: `Starting: ${formatList(starting)}.`, tone: 'neutral' };
  return { text: `All ${ok.length} that are in use answer.`, tone: 'neutral' };
}
