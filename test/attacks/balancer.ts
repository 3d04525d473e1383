import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '@headgate/testkit/eventually';
import { freePortBase } from '@headgate/testkit/ports';
import { envoyBinary } from '../../envoy/test/support/envoy.ts';

/** A second Envoy in front of the first one: what a load balancer of a provider does, over TCP and over HTTP. */
export interface Balancer extends AsyncDisposable {
  /** Ports of the listeners, in the order of `fronts`. */
  readonly ports: readonly number[];
}

export interface Front {
  /** tcp: passes bytes on behind a header of the PROXY protocol. http: ends HTTP and appends to X-Forwarded-For. */
  readonly kind: 'tcp' | 'http';
  /** Version of the PROXY protocol; none is sent without it. */
  readonly version?: 'V1' | 'V2';
  /** Port of Envoy's public listener. */
  readonly target: number;
}

const READY_WITHIN_MS = 20_000;
const TYPE = 'type.googleapis.com/envoy.extensions';

export async function startBalancer(fronts: readonly Front[]): Promise<Balancer> {
  const base = await freePortBase();
  const ports = fronts.map((_, i) => base + i);
  const dir = mkdtempSync(join(tmpdir(), 'headgate-balancer-'));
  const path = join(dir, 'balancer.json');
  const listeners = fronts.map((front, i) => listener(front, ports[i] as number));
  writeFileSync(path, JSON.stringify({ static_resources: { listeners, clusters: fronts.map(cluster) } }));
  const child = spawn(envoyBinary(), ['-c', path, '--disable-hot-restart', '--log-level', 'error'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const answers = async () => {
    if (child.exitCode !== null) throw new Error('the balancer ended');
    return fetch(`http://127.0.0.1:${ports[0]}/`).then(
      () => true,
      ({ cause }) => cause.code !== 'ECONNREFUSED',
    );
  };
  await eventually(answers, { what: 'the balancer listens', withinMs: READY_WITHIN_MS });
  return {
    ports,
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

const name = ({ kind, version, target }: Front) => `${kind}-${version ?? 'plain'}-${target}`;

function listener(front: Front, port: number) {
  return {
    name: name(front),
    address: { socket_address: { address: '127.0.0.1', port_value: port } },
    filter_chains: [{ filters: [front.kind === 'tcp' ? tcpProxy(front) : httpProxy(front)] }],
  };
}

function tcpProxy(front: Front) {
  return {
    name: 'envoy.filters.network.tcp_proxy',
    typed_config: {
      '@type': `${TYPE}.filters.network.tcp_proxy.v3.TcpProxy`,
      stat_prefix: 'tcp',
      cluster: name(front),
    },
  };
}

function httpProxy(front: Front) {
  const router = {
    name: 'envoy.filters.http.router',
    typed_config: { '@type': `${TYPE}.filters.http.router.v3.Router` },
  };
  const routes = [{ match: { prefix: '/' }, route: { cluster: name(front) } }];
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: {
      '@type': `${TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
      stat_prefix: 'http',
      use_remote_address: true,
      route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes }] },
      http_filters: [router],
    },
  };
}

function cluster(front: Front) {
  const address = { socket_address: { address: '127.0.0.1', port_value: front.target } };
  return {
    name: name(front),
    connect_timeout: '1s',
    load_assignment: {
      cluster_name: name(front),
      endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }],
    },
    ...(front.kind === 'http' && { transport_socket: tls() }),
    ...(front.version && { transport_socket: proxyProtocol(front.version) }),
  };
}

/** The certificate of a test is not checked: who answers is known. */
function tls() {
  const typed_config = { '@type': `${TYPE}.transport_sockets.tls.v3.UpstreamTlsContext` };
  return { name: 'envoy.transport_sockets.tls', typed_config };
}

function proxyProtocol(version: 'V1' | 'V2') {
  return {
    name: 'envoy.transport_sockets.upstream_proxy_protocol',
    typed_config: {
      '@type': `${TYPE}.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport`,
      config: { version },
      transport_socket: {
        name: 'envoy.transport_sockets.raw_buffer',
        typed_config: { '@type': `${TYPE}.transport_sockets.raw_buffer.v3.RawBuffer` },
      },
    },
  };
}
