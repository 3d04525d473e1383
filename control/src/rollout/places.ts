import { mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Config } from '@headgate/contracts/config/schema';
import { lockDirectory, SpoolLockedError } from '@headgate/journal/spool/lock';
import type { Clock } from '@headgate/runtime/clock';
import type { KubernetesApi } from '@headgate/runtime/kubernetes/api';
import type { Logger } from '@headgate/runtime/logger';
import type { Changes } from '../audit/changes.ts';
import { LEASE_TIMES } from '../cluster/lease.ts';
import type { Cluster } from '../cluster/start-cluster.ts';
import { configMapSource } from '../routing/config-map-source.ts';
import { fileSource } from '../routing/file-source.ts';
import { type RoutingSnapshot, SourcedRouting } from '../routing/routing-store.ts';
import { configMapRollouts } from './config-map-rollouts.ts';
import { fileRollouts } from './file-rollouts.ts';
import type { RolloutStore } from './rollout-store.ts';

export interface PlaceSurroundings {
  readonly root: string;
  readonly logger: Logger;
  readonly changes: Changes;
  readonly clock: Clock;
  /** Of the pod's namespace; absent outside of a cluster. */
  readonly api: KubernetesApi | undefined;
  readonly cluster: Pick<Cluster, 'isLeader' | 'leader'>;
}

export interface Places {
  readonly routing: SourcedRouting;
  readonly store: RolloutStore;
  /** In words which other process runs the rollouts; null while this one does. */
  follows(): string | null;
  release(): void;
}

/**
 * How long a process that follows keeps an edit by hand: until it leads itself where none led. An edit that the last
 * leader did record is then recorded twice, which is better than never.
 */
const EDITS_KEPT_MS = 2 * LEASE_TIMES.leaseMs;

/** Where the routing table and the rollouts are: files, or ConfigMaps. */
export function openPlaces(config: Config, around: PlaceSurroundings): Places {
  const { api, clock } = around;
  const { source, ...places } = api ? inCluster(config, around, api) : onDisk(config, around);
  let edits: readonly { readonly edit: RoutingSnapshot; readonly atMs: number }[] = [];
  const keepNew = () => {
    edits = edits.filter(({ atMs }) => clock.monotonicMs() - atMs < EDITS_KEPT_MS);
  };
  // Each process sees an edit, and the one that leads records it.
  const follows = () => {
    const other = places.follows();
    if (other !== null || edits.length === 0) return other;
    keepNew();
    for (const { edit } of edits) record(edit, around);
    edits = [];
    return other;
  };
  const routing = new SourcedRouting(source, (edit) => {
    keepNew();
    edits = [...edits, { edit, atMs: clock.monotonicMs() }];
    follows();
  });
  return { ...places, follows, routing };
}

function record({ revision, changedBy, refused }: RoutingSnapshot, { logger, changes }: PlaceSurroundings) {
  logger.info({ revision, changedBy, refused }, 'the routing table was edited by hand');
  const why = refused.join('; ').slice(0, 500);
  const edit = why === '' ? { revision } : { revision, why };
  changes.note('routing.edit', changedBy ?? 'manager:unknown', edit, why === '' ? 'accepted' : 'refused');
}

function inCluster(
  { routing_config_map: name }: Config,
  { logger, cluster }: PlaceSurroundings,
  api: KubernetesApi,
) {
  const broken = (key: string, err: unknown) => logger.error({ err, key }, 'a rollout cannot be read');
  return {
    source: configMapSource(api, name),
    store: configMapRollouts(api, name.replace(/(-routing)?$/, '-rollouts'), broken),
    follows: () => (cluster.isLeader() ? null : followed(api.namespace, cluster.leader())),
    release: () => api.close(),
  };
}

/** A port-forward to the Deployment leads to any of its pods. */
function followed(namespace: string, leader: string): string {
  if (leader === '') return 'No control process leads now: try again.';
  return `The pod ${leader} leads: ask that one (kubectl -n ${namespace} port-forward pod/${leader} 8447).`;
}

/** Beside the routing table: two stacks that share it share its rollouts, and one of them runs these. */
function onDisk({ routing_file: file }: Config, { root, logger }: PlaceSurroundings) {
  const path = resolve(root, file);
  const dir = join(dirname(path), 'rollouts');
  const broken = (key: string, err: unknown) => logger.error({ err, key }, 'a rollout cannot be read');
  const owner = ownerOf(dir);
  return {
    source: fileSource(path),
    store: fileRollouts(dir, () => owner.follows() === null, broken),
    ...owner,
  };
}

/** One process at a time has the folder; it is asked for until it can be had. */
function ownerOf(dir: string) {
  let unlock: (() => void) | undefined;
  return {
    follows(): string | null {
      if (unlock) return null;
      try {
        mkdirSync(dir, { recursive: true, mode: 0o700 });
        unlock = lockDirectory(dir);
        return null;
      } catch (error) {
        const who =
          error instanceof SpoolLockedError
            ? 'Another control process'
            : 'The disk fails, or another process';
        return `${who} runs the rollouts of this routing table: ask that one.`;
      }
    },
    release: () => unlock?.(),
  };
}
