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
  /** What the Dockerfile starts from. */
  readonly from: Image | 'debian';
  /** Its packages are installed into PYTHON_FOLDER before the build. */
  readonly python?: PythonProject;
}

/** Python packages by a lock file of uv. */
export interface PythonProject {
  /** With pyproject.toml and uv.lock. */
  readonly folder: string;
  readonly extras: readonly string[];
}

/** Loaded when a trace exporter is configured. */
const TRACING = [
  '@opentelemetry/exporter-trace-otlp-http',
  '@opentelemetry/exporter-zipkin',
  '@opentelemetry/resources',
  '@opentelemetry/sdk-trace-node',
];

/** Where the wheels of inference/gpu-requirements.txt are unpacked. */
export const CUDA_FOLDER = 'state/k8s/cuda';
/** Where Python packages are installed, each project's in a folder of its name. */
export const PYTHON_FOLDER = 'state/k8s/python';

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
  from: 'debian',
};

/** What the engine loads. */
const ENGINE = ['onnxruntime-node', 'sharp', '@julusian/jpeg-turbo'];

const INFERENCE = part('inference', {
  sources: [...bundle('inference'), PROTOS],
  packages: [...ENGINE, '@grpc/reflection', ...TRACING],
});

/** `withModels` adds the models. */
export const MODELS_IMAGE = part('models', {
  sources: [{ from: 'k8s/images/models/copy.mjs', to: 'copy.mjs' }],
});

/** What every cluster needs. */
export const IMAGES: readonly Image[] = [
  part('gateway', {
    sources: [...bundle('gateway'), PROTOS],
    packages: ['pg', 'ioredis', 'rate-limiter-flexible', ...TRACING],
  }),
  INFERENCE,
  part('control', {
    sources: [...bundle('control'), { from: 'console/dist', to: 'console/dist' }],
    packages: ['pg', '@electric-sql/pglite'],
  }),
  part('envoy', { sources: [...bundle('envoy'), { from: ENVOY_PACKAGE, to: 'bin/envoy' }] }),
  MODELS_IMAGE,
];

/** Inference with the CUDA provider, for pools of nodes with GPUs. */
export const GPU_IMAGE: Image = {
  ...part('inference-gpu', {
    sources: [
      {
        from: `${CUDA_FOLDER}/onnxruntime/capi/libonnxruntime.so.1.*`,
        to: 'onnxruntime/libonnxruntime.so.1',
      },
      ...['cuda', 'shared']
        .map((name) => `libonnxruntime_providers_${name}.so`)
        .map((file) => ({
          from: `${CUDA_FOLDER}/onnxruntime/capi/${file}`,
          to: `onnxruntime/${file}`,
        })),
      ...['cu13/lib', 'cudnn/lib'].map((path) => ({
        from: `${CUDA_FOLDER}/nvidia/${path}`,
        to: `nvidia/${path}`,
      })),
    ],
  }),
  dockerfile: 'inference/gpu.Dockerfile',
  from: INFERENCE,
};

/** Commands of the pipelines, the serving engine that `evaluate` measures with, and MLflow. */
const PIPELINES: Image = {
  ...part('pipelines', {
    sources: [
      ...bundle('inference'),
      { from: 'node_modules/node/bin/node', to: 'node' },
      { from: `${PYTHON_FOLDER}/pipelines`, to: 'site-packages' },
      { from: 'pipelines/src/headgate_pipelines', to: 'headgate_pipelines' },
    ],
    packages: ENGINE,
    from: 'debian',
  }),
  python: { folder: 'pipelines', extras: ['lifecycle'] },
};

/** For clusters with MLflow and Airflow. Airflow runs the commands itself, so its packages lie beside theirs. */
export const LIFECYCLE_IMAGES: readonly Image[] = [
  PIPELINES,
  {
    ...part('airflow', {
      dockerfile: 'pipelines/airflow/Dockerfile',
      sources: [
        { from: `${PYTHON_FOLDER}/airflow`, to: 'site-packages' },
        { from: 'pipelines/airflow/dags', to: 'dags' },
      ],
      from: PIPELINES,
    }),
    python: { folder: 'pipelines/airflow', extras: [] },
  },
];

/** For clusters of tests and developers; users take the public images of Redis and PostgreSQL. */
export const TEST_IMAGES: readonly Image[] = [
  testImage('redis', []),
  testImage('postgres', [{ from: 'k8s/images/test/postgres-entry.sh', to: 'postgres-entry.sh' }]),
];

export const ALL_IMAGES: readonly Image[] = [...IMAGES, GPU_IMAGE, ...LIFECYCLE_IMAGES, ...TEST_IMAGES];

function part(name: string, content: Pick<Image, 'sources'> & Partial<Image>): Image {
  return {
    name,
    dockerfile: `${name}/Dockerfile`,
    packages: [],
    group: 'headgate',
    from: BASE,
    ...content,
  };
}

function testImage(name: string, sources: readonly Source[]): Image {
  const dockerfile = `k8s/images/test/${name}.Dockerfile`;
  return { name, dockerfile, sources, packages: [], group: 'headgate-test', from: 'debian' };
}

/** package.json says that the bundles are ES modules. */
function bundle(workspace: string): readonly Source[] {
  return ['dist', 'package.json'].map((path) => ({
    from: `${workspace}/${path}`,
    to: `${workspace}/${path}`,
  }));
}
