import type { Encoding } from '../encode.ts';
import type { Layout } from './contender.ts';

/** Another server as its own documentation recommends it, with the layouts that it documents. */
export interface PeerSpec {
  /** Name of its folder and of its Python package. */
  readonly id: string;
  readonly name: string;
  /** A program of its environment, run in the folder `servers/<id>`. */
  readonly command: (port: number, layout: Layout) => readonly string[];
  readonly path: string;
  readonly encoding: Encoding;
  readonly layouts: readonly Layout[];
  /** Binds every interface whatever it is told: it runs in a network namespace of its own. */
  readonly namespace: boolean;
  readonly tries: number;
}

const uvicorn = (port: number, workers: string) =>
  ['uvicorn', 'app:app', '--host', '127.0.0.1', '--port', String(port)].concat([
    '--workers',
    workers,
    '--no-access-log',
    '--log-level',
    'warning',
  ]);

const twoLayouts = (unit: string): Layout[] => [
  { name: `1 ${unit} × 2 threads`, threads: 2, env: { PEER_WORKERS: '1' } },
  { name: `2 ${unit}s × 1 thread`, threads: 1, env: { PEER_WORKERS: '2' } },
];

/** The same layouts again with more of the environment. */
const varied = (layouts: readonly Layout[], prefix: string, env: Record<string, string>): Layout[] =>
  layouts.map((layout) => ({ ...layout, name: `${prefix}, ${layout.name}`, env: { ...layout.env, ...env } }));

export const PEERS: readonly PeerSpec[] = [
  {
    id: 'fastapi',
    name: 'FastAPI',
    command: (port, { env }) => uvicorn(port, env?.PEER_WORKERS ?? '1'),
    path: '/predict',
    encoding: 'form',
    layouts: twoLayouts('worker'),
    namespace: false,
    tries: 1,
  },
  {
    id: 'litserve',
    name: 'LitServe',
    command: () => ['python', 'app.py'],
    path: '/predict',
    encoding: 'form',
    layouts: [
      ...varied(twoLayouts('worker'), 'batch 8', { PEER_BATCH: '8' }),
      ...varied(twoLayouts('worker').slice(1), 'batch 1', { PEER_BATCH: '1' }),
    ],
    namespace: false,
    tries: 1,
  },
  {
    id: 'bentoml',
    name: 'BentoML',
    command: (port, { env }) =>
      ['bentoml', 'serve', `service:${env?.PEER_SERVICE}`, '--host', '127.0.0.1'].concat([
        '--port',
        String(port),
      ]),
    path: '/predict',
    encoding: 'form',
    layouts: [
      ...varied(twoLayouts('model worker'), 'adaptive batching, 2 API workers', {
        PEER_SERVICE: 'Batched',
        PEER_FRONTS: '2',
      }),
      ...varied(twoLayouts('model worker').slice(0, 1), 'adaptive batching, 1 API worker', {
        PEER_SERVICE: 'Batched',
      }),
      ...varied(twoLayouts('worker'), 'no batching', { PEER_SERVICE: 'Single' }),
    ],
    namespace: false,
    tries: 1,
  },
  {
    id: 'mlserver',
    name: 'MLServer',
    command: () => ['mlserver', 'start', '.'],
    path: '/v2/models/classifier/infer',
    encoding: 'v2-json',
    layouts: [
      { name: 'batch 8, in process × 2 threads', threads: 2, env: { MLSERVER_PARALLEL_WORKERS: '0' } },
      { name: 'batch 8, 1 parallel worker × 2 threads', threads: 2, env: { MLSERVER_PARALLEL_WORKERS: '1' } },
      { name: 'batch 8, 2 parallel workers × 1 thread', threads: 1, env: { MLSERVER_PARALLEL_WORKERS: '2' } },
    ],
    namespace: false,
    tries: 1,
  },
  {
    id: 'ray',
    name: 'Ray Serve',
    command: () => ['python', 'app.py'],
    path: '/predict',
    encoding: 'raw',
    layouts: varied(twoLayouts('replica'), 'batch 8', {}),
    namespace: true,
    tries: 2,
  },
];
