import { HOST_LINK, NODES_CIDR, POD_CIDR, SERVICE_CIDR } from './layout.ts';
import { sh } from './shell.ts';

/** One line of `ip -j route`. */
export interface Route {
  /** `default`, an address or a network. */
  readonly dst: string;
  readonly dev?: string;
}

/** Networks of the cluster that the machine uses for something else, as sentences. */
export async function takenNetworks(): Promise<string[]> {
  return overlapping(JSON.parse(await sh('ip', '-j', '-4', 'route', 'show')) as Route[]);
}

export function overlapping(routes: readonly Route[]): string[] {
  // Those of a cluster that was not ended go with its leftovers.
  const others = routes.filter(({ dst, dev }) => dst !== 'default' && dev !== HOST_LINK);
  return [NODES_CIDR, POD_CIDR, SERVICE_CIDR].flatMap((network) =>
    others
      .filter(({ dst }) => overlap(network, dst))
      .map(
        ({ dst, dev }) => `network ${network}: this machine has a route to ${dst} (${dev ?? 'no interface'})`,
      ),
  );
}

function overlap(a: string, b: string): boolean {
  const [[first, firstBits], [second, secondBits]] = [parse(a), parse(b)];
  const rest = 2 ** (32 - Math.min(firstBits, secondBits));
  return Math.floor(first / rest) === Math.floor(second / rest);
}

function parse(network: string): [address: number, bits: number] {
  const [address = '', bits = '32'] = network.split('/');
  return [address.split('.').reduce((all, byte) => all * 256 + Number(byte), 0), Number(bits)];
}
