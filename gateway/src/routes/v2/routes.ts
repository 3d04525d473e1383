import type { Clock } from '@headgate/runtime/clock';
import type { Layer } from '../../context.ts';
import type { AppDeps } from '../../deps.ts';
import { auditChange } from '../../middleware/audit.ts';
import { mayNameVersion, requireRole } from '../../middleware/authorize.ts';
import { chargeTensors } from '../predict/charge-images.ts';
import { chooseVariant, chooseVersion } from '../predict/choose-variant.ts';
import type { Route } from '../route.ts';
import type { Settle } from '../settle.ts';
import { modelConfig, modelMetadata, modelStatistics, serverMetadata } from './describe.ts';
import { modelReady, serverLive, serverReady } from './health.ts';
import { infer } from './infer.ts';
import { readTensors } from './read-tensors.ts';
import { loadModel, repositoryIndex, unloadModel } from './repository.ts';

/** What routes that send predictions share. */
export interface SendingOptions {
  readonly unlessOverloaded: Layer;
  readonly settle: Settle;
  readonly sketch: boolean;
  readonly clock: Clock;
}

/** The Open Inference Protocol v2 over REST, and the calls of Triton that its clients make besides. */
export function openInferenceRoutes(
  { inference, config, ...deps }: AppDeps,
  { unlessOverloaded, ...sending }: SendingOptions,
): Route[] {
  if (!inference) return [];
  const upstream = { inference };

  const tensors = readTensors(config.limits);
  const answer = infer({ ...config.limits, ...sending, inference });
  const charged = [unlessOverloaded, tensors, chargeTensors(), answer];
  const byUnit = [chooseVariant(deps), ...charged];
  const byVersion = [mayNameVersion(), chooseVersion(deps), ...charged];

  // Statistics and the repository show what others send and what the machines do.
  const mayReadOperations = requireRole(
    ['tester', 'admin'],
    'This takes a key with the role tester or admin.',
  );
  const mayControlModels = requireRole(
    ['admin'],
    'Loading and unloading models takes a key with the role admin.',
  );
  const changes = (action: 'model.load' | 'model.unload') =>
    auditChange({ sink: deps.audit, clock: deps.clock, action, param: 'model' });

  const ready = [modelReady(deps)];
  const metadata = [modelMetadata(upstream)];
  const configuration = [modelConfig(upstream)];
  const statistics = [mayReadOperations, modelStatistics(upstream)];

  return [
    ['GET', '/v2', 'read', [serverMetadata(upstream)]],
    ['GET', '/v2/health/live', 'read', [serverLive()]],
    ['GET', '/v2/health/ready', 'read', [serverReady(deps)]],
    // Before the model of that name.
    ['GET', '/v2/models/stats', 'operate', statistics],
    ['GET', '/v2/models/:model', 'read', metadata],
    ['GET', '/v2/models/:model/ready', 'read', ready],
    ['GET', '/v2/models/:model/config', 'read', configuration],
    ['GET', '/v2/models/:model/stats', 'operate', statistics],
    ['POST', '/v2/models/:model/infer', 'predict', byUnit],
    ['GET', '/v2/models/:model/versions/:version', 'read', metadata],
    ['GET', '/v2/models/:model/versions/:version/ready', 'read', ready],
    ['GET', '/v2/models/:model/versions/:version/config', 'read', configuration],
    ['GET', '/v2/models/:model/versions/:version/stats', 'operate', statistics],
    ['POST', '/v2/models/:model/versions/:version/infer', 'predict', byVersion],
    ['POST', '/v2/repository/index', 'operate', [mayReadOperations, repositoryIndex(upstream)]],
    [
      'POST',
      '/v2/repository/models/:model/load',
      'operate',
      [mayControlModels, changes('model.load'), loadModel(upstream)],
    ],
    [
      'POST',
      '/v2/repository/models/:model/unload',
      'operate',
      [mayControlModels, changes('model.unload'), unloadModel(upstream)],
    ],
  ];
}
