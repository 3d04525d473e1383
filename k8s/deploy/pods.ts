/** What this program reads of workloads and pods. */
interface Meta {
  readonly name: string;
  readonly uid: string;
  readonly generation?: number;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly { readonly uid: string }[];
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

export interface Workload {
  readonly kind: string;
  readonly metadata: Meta;
  readonly spec: { readonly replicas?: number; readonly completions?: number };
  readonly status: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly updatedReplicas?: number;
    readonly availableReplicas?: number;
    readonly succeeded?: number;
    readonly failed?: number;
    readonly conditions?: readonly Condition[];
  };
}

interface ContainerStatus {
  readonly name: string;
  readonly ready: boolean;
  readonly restartCount: number;
  readonly state?: {
    readonly waiting?: { readonly reason?: string; readonly message?: string };
    readonly running?: object;
    readonly terminated?: { readonly exitCode: number; readonly reason?: string };
  };
  readonly lastState?: { readonly terminated?: { readonly exitCode: number; readonly reason?: string } };
}

export interface Pod {
  readonly kind: string;
  readonly metadata: Meta;
  readonly status: {
    readonly phase: string;
    readonly conditions?: readonly Condition[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

/** Why a pod, or a workload, is not ready. */
export interface Trouble {
  readonly pod: string;
  readonly text: string;
  /** Waiting does not help, once it has lasted: the deployment is given up early. */
  readonly isLasting: boolean;
  /** Its log says more. */
  readonly container?: string;
}

/** True when every pod of the newest form is ready and no older one is left. */
export function isRolledOut({ kind, metadata, spec, status }: Workload): boolean {
  if (kind === 'Job') return (status.succeeded ?? 0) >= (spec.completions ?? 1);
  const wanted = spec.replicas ?? 1;
  const { observedGeneration = 0, replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = status;
  const isSeen = observedGeneration >= (metadata.generation ?? 0);
  return isSeen && updatedReplicas >= wanted && replicas === updatedReplicas && availableReplicas >= wanted;
}

/** The migrations may come before the database takes connections. */
const JOB_FAILURES = 3;

/** A workload that cannot even make its pods (a quota, Pod Security), or a Job whose pods fail one after the other. */
export function refusalOf({ metadata, status }: Workload): Trouble[] {
  if ((status.failed ?? 0) >= JOB_FAILURES) {
    return [{ pod: metadata.name, text: `${status.failed} pods have failed`, isLasting: true }];
  }
  const refused = status.conditions?.find(
    ({ type, status }) => type === 'ReplicaFailure' && status === 'True',
  );
  if (refused === undefined) return [];
  return [{ pod: metadata.name, text: refused.message ?? 'pods cannot be made', isLasting: true }];
}

/** Waiting reasons that no time heals; the others (ContainerCreating, PodInitializing) pass. */
const LASTING: Readonly<Record<string, string>> = {
  ErrImagePull: 'the image cannot be pulled',
  ImagePullBackOff: 'the image cannot be pulled',
  InvalidImageName: 'the name of the image is not valid',
  CreateContainerConfigError: 'the container cannot be configured',
  CreateContainerError: 'the container cannot be created',
  RunContainerError: 'the container cannot be started',
};
/** Every part starts without the others; the third end is no accident. */
const RESTARTS = 2;

export function containersOf(status: Pod['status']): ContainerStatus[] {
  return [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
}

/** Why a pod is not ready; nothing when it is, or is ending. */
export function troubleOf({ metadata, status }: Pod): Trouble | undefined {
  if (metadata.deletionTimestamp !== undefined || status.phase === 'Succeeded') return undefined;
  const pod = metadata.name;
  const of = (type: string) => status.conditions?.find((condition) => condition.type === type);
  if (of('Ready')?.status === 'True') return undefined;
  const scheduled = of('PodScheduled');
  if (scheduled?.status === 'False') {
    return { pod, text: `no node takes it: ${scheduled.message ?? scheduled.reason}`, isLasting: false };
  }
  const containers = containersOf(status);
  for (const one of containers) {
    const trouble = containerTrouble(pod, one);
    if (trouble) return trouble;
  }
  const late = containers.find(({ ready, state }) => !ready && state?.running);
  const text = late ? `${late.name} runs and is not ready` : `${status.phase.toLowerCase()}, starting`;
  return { pod, text, isLasting: false, ...(late && { container: late.name }) };
}

function containerTrouble(pod: string, status: ContainerStatus): Trouble | undefined {
  const { name: container, state, lastState, restartCount } = status;
  const { reason = '', message = '' } = state?.waiting ?? {};
  const why = LASTING[reason];
  if (why !== undefined) return { pod, text: `${container}: ${why}: ${message || reason}`, isLasting: true };
  const ended = state?.terminated ?? lastState?.terminated;
  if (ended === undefined || ended.exitCode === 0) return undefined;
  const cause =
    ended.reason === 'OOMKilled' ? 'used more memory than its limit' : `ended with code ${ended.exitCode}`;
  const isLasting = restartCount >= RESTARTS;
  return { pod, text: `${container} ${cause}, ${restartCount} restarts`, isLasting, container };
}
