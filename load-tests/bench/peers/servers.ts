import type { Encoding } from '../encode.ts';

/** Another server as its own documentation recommends it, in the layout that was fastest on two cores. */
export interface PeerSpec {
  /** Name of its folder and of its Python package. */
  readonly id: string;
  readonly name: string;
  /** A program of its environment, run in the folder `servers/<id>`. */
  readonly command: (port: number) => readonly string[];
  readonly path: string;
  readonly encoding: Encoding;
  readonly layout: string;
  /** Binds every interface, whatever address it is given: it runs in a network namespace of its own. */
  readonly namespace?: true;
  /** 1 by default. */
  readonly tries?: number;
}

export const PEERS: readonly PeerSpec[] = [
  {
    id: 'fastapi',
    name: 'FastAPI',
    command: (port) => [
      ...['uvicorn', 'app:app', '--host', '127.0.0.1', '--port', String(port)],
      ...['--workers', '2', '--no-access-log', '--log-level', 'warning'],
    ],
    path: '/predict',
    encoding: 'form',
    layout: '2 workers × 1 thread',
  },
  {
    id: 'litserve',
    name: 'LitServe',
    command: () => ['python', 'app.py'],
    path: '/predict',
    encoding: 'form',
    layout: 'batch 8, 2 workers × 1 thread',
  },
  {
    id: 'bentoml',
    name: 'BentoML',
    command: (port) => ['bentoml', 'serve', 'service:Batched', '--host', '127.0.0.1', '--port', String(port)],
    path: '/predict',
    encoding: 'form',
    layout: 'adaptive batching, 2 API workers, 2 model workers × 1 thread',
  },
  {
    id: 'mlserver',
    name: 'MLServer',
    command: () => ['mlserver', 'start', '.'],
    path: '/v2/models/classifier/infer',
    encoding: 'v2-json',
    layout: 'batch 8, 2 parallel workers × 1 thread',
  },
  {
    id: 'ray',
    name: 'Ray Serve',
    command: () => ['python', 'app.py'],
    path: '/predict',
    encoding: 'raw',
    layout: 'batch 8, 2 replicas × 1 thread',
    namespace: true,
    tries: 2,
  },
];
