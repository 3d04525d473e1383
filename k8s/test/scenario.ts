import type { Client } from './clients.ts';
import type { HostView } from './host.ts';
import type { Kube } from './kube.ts';
import type { LoadOptions, RunningRequests } from './load.ts';

/** One claim about Headgate in a cluster, and the steps that show it. */
export interface Scenario {
  /** For `--only`. */
  readonly name: string;
  /** The claim, as one sentence of the table. */
  readonly title: string;
  /** Watchdog, in ms; 120 s unless set. */
  readonly withinMs?: number;
  /** Share of requests that may fail; none unless set. */
  readonly mayFail?: number;
  /** Shows the claim, and leaves the release as it was. @throws Error when the claim does not hold; Skipped */
  run(context: Context): Promise<void>;
}

/** The release under test, and what a scenario may do with it. */
export interface Context {
  readonly kube: Kube;
  readonly host: HostView;
  /** Name of the release; objects are called `<release>-<component>`. */
  readonly release: string;
  readonly edge: Edge;
  /** API key without a quota. */
  readonly key: string;
  /** API key with the role admin, without a quota. */
  readonly adminKey: string;
  /** Folder of this run, removed at its end. */
  readonly dir: string;
  /** Aborted by the watchdog of the scenario or by Ctrl-C. */
  readonly signal: AbortSignal;
  /** Predictions at a constant rate. Their counts go into the table; `stop` waits for the requests in flight. */
  load(options?: Partial<LoadOptions>): RunningRequests;
  /** One prediction, as the load sends them. Not counted. */
  client(kind: 'http1' | 'http2'): Client;
  /** A figure for the table, such as `figure('replacement ready', '4.2 s')`. */
  figure(name: string, value: string | number): void;
  /** The current activity, for the progress line. */
  progress(text: string): void;
  /** Runs the deploy program again, with further arguments; `until` interrupts it. @returns its output */
  deploy(args?: readonly string[], until?: AbortSignal): Promise<string>;
  /** A fault of the test cluster: `cluster('api-stop')`, `cluster('node-stop', 'kn2')`. Works after the scenario too. */
  cluster(...args: readonly string[]): Promise<unknown>;
  /** Called after the scenario, the last one first, also when it failed or ran too long; `kube` still works then. */
  cleanUp(undo: (kube: Kube) => Promise<unknown>): void;
}

/** Envoy's HTTPS listener, as the host reaches it. */
export interface Edge {
  /** `https://address:port`. */
  readonly origin: string;
  /** Name in the certificate. */
  readonly host: string;
  /** Certificate authority, PEM. */
  readonly ca: string;
}

/** Thrown by a scenario that this machine cannot show. */
export class Skipped extends Error {}
