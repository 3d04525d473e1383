/** A file or folder of the checkout, and its place in the build context. */
export interface Source {
  readonly from: string;
  readonly to: string;
}

/** One image. Its build context is exactly `sources` and `packages`: nothing else of the checkout can get in. */
export interface Image {
  /** Last part of the repository name. */
  readonly name: string;
  readonly dockerfile: string;
  readonly sources: readonly Source[];
  /** npm packages that the bundles load at run time; what they depend on follows from package-lock.json. */
  readonly packages: readonly string[];
  /** First part of the repository name. */
  readonly group: 'headgate' | 'headgate-test';
  /** What the Dockerfile starts from: our base, or Debian. */
  readonly base: 'node' | 'debian';
}

/** Loaded when a trace exporter is configured. */
const TRACING = [
  '@opentelemetry/exporter-trace-otlp-http',
  '@opentelemetry/exporter-zipkin',
  '@opentelemetry/resources',
  '@opentelemetry/sdk-trace-node',
];

const PROTOS: Source = { from: 'protos', to: 'protos' };
/** Of the Python package that setup installs. */
const ENVOY_PACKAGE = '.venv/lib/python*/site-packages/envoy/_bin/envoy';

/** The pinned Node, from the npm package `node`. */
export const BASE: Image = {
  name: 'base',
  dockerfile: 'k8s/images/base/Dockerfile',
  sources: [{ from: 'node_modules/node/bin/node', to: 'node' }],
  packages: [],
  group: 'headgate',
  base: 'debian',
};

export const IMAGES: readonly Image[] = [
  part('gateway', {
    sources: [...bundle('gateway'), PROTOS],
    packages: ['pg', 'ioredis', 'rate-limiter-flexible', ...TRACING],
  }),
  part('inference', {
    sources: [...bundle('inference'), PROTOS],
    packages: ['onnxruntime-node', 'sharp', '@julusian/jpeg-turbo', '@grpc/reflection', ...TRACING],
  }),
  part('control', { sources: bundle('control'), packages: ['pg', '@electric-sql/pglite'] }),
  part('envoy', { sources: [...bundle('envoy'), { from: ENVOY_PACKAGE, to: 'bin/envoy' }] }),
  part('models', {
    sources: [
      { from: 'models/digits', to: 'models/digits' },
      { from: 'models/efficientnet-lite0', to: 'models/efficientnet-lite0' },
      { from: 'k8s/images/models/copy.mjs', to: 'copy.mjs' },
    ],
  }),
];

/** For clusters of tests and developers; users take the public images of Redis and PostgreSQL. */
export const TEST_IMAGES: readonly Image[] = [
  testImage('redis', []),
  testImage('postgres', [{ from: 'k8s/images/test/postgres-entry.sh', to: 'postgres-entry.sh' }]),
];

function part(name: string, content: Pick<Image, 'sources'> & Partial<Image>): Image {
  return {
    name,
    dockerfile: `${name}/Dockerfile`,
    packages: [],
    group: 'headgate',
    base: 'node',
    ...content,
  };
}

function testImage(name: string, sources: readonly Source[]): Image {
  const dockerfile = `k8s/images/test/${name}.Dockerfile`;
  return { name, dockerfile, sources, packages: [], group: 'headgate-test', base: 'debian' };
}

/** package.json says that the bundles are ES modules. */
function bundle(workspace: string): readonly Source[] {
  return ['dist', 'package.json'].map((path) => ({
    from: `${workspace}/${path}`,
    to: `${workspace}/${path}`,
  }));
}
