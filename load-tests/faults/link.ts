import type { Fault } from '@headgate/testkit/fault-proxy';
import { startFaultProxy } from '@headgate/testkit/fault-proxy';

/** A stretch of network on loopback that faults can be done to. */
export interface Link {
  readonly port: number;
  /** Takes effect for open connections and new ones. */
  set(fault: Fault): Promise<void> | void;
  close(): Promise<void> | void;
}

/** Who makes them. */
export interface Network {
  readonly name: string;
  /** @param target where connections go: a port of this machine */
  linkTo(target: number): Promise<Link>;
  close(): Promise<void> | void;
}

/** The fault proxy of the unit tests. */
export const ownNetwork: Network = { name: 'own proxy', linkTo: startFaultProxy, close: () => undefined };
