import type { Clock } from '@headgate/runtime/clock';
import type { Layer } from '../../context.ts';
import type { AppDeps } from '../../deps.ts';
import { auditChange } from '../../middleware/audit.ts';
import { mayNameVersion, requireRole } from '../../middleware/authorize.ts';
import { chargeTensors } from '../predict/charge-images.ts';
import { chooseVariant, chooseVersion } from '../predict/choose-variant.ts';
import type { Route } from '../route.ts';
import type { Settle } from '../settle.ts';
import { describeCalls, healthCalls, repositoryCalls } from './calls.ts';
import { infer } from './infer.ts';
import { jsonHere } from './json-work.ts';
import { readTensors } from './read-tensors.ts';

/** What routes that send predictions share. */
export interface SendingOptions {
  readonly unlessOverloaded: Layer;
  readonly settle: Settle;
  readonly sketch: boolean;
  readonly clock: Clock;
}

/** The Open Inference Protocol v2 over REST, and the calls of Triton that its clients also make. */
export function openInferenceRoutes(
  { inference, config, jsonWork = jsonHere, ...deps }: AppDeps,
  { unlessOverloaded, ...sending }: SendingOptions,
): Route[] {
  if (!inference) return [];
  const { serverMetadata, modelMetadata, modelConfig, modelStatistics } = describeCalls(inference);
  const { serverLive, serverReady, modelReady } = healthCalls(deps);
  const { repositoryIndex, loadModel, unloadModel } = repositoryCalls(inference);

  const tensors = readTensors({ ...config.limits, jsonWork });
  const answer = infer({ ...config.limits, ...sending, inference, jsonWork });
  const charged = [unlessOverloaded, tensors, chargeTensors(), answer];
  const byUnit = [chooseVariant(deps), ...charged];
  const byVersion = [mayNameVersion(), chooseVersion(deps), ...charged];

  // Statistics and the repository show what others send and what the machines do.
  const mayRead = requireRole(['tester', 'admin'], 'This takes a key with the role tester or admin.');
  const mayChange = requireRole(['admin'], 'Loading and unloading models takes a key with the role admin.');
  const audited = (action: 'model.load' | 'model.unload') =>
    auditChange({ sink: deps.audit, clock: deps.clock, action, param: 'model' });
  const statistics = [mayRead, modelStatistics];
  const load = [mayChange, audited('model.load'), loadModel];
  const unload = [mayChange, audited('model.unload'), unloadModel];

  return [
    ['GET', '/v2', 'read', [serverMetadata]],
    ['GET', '/v2/health/live', 'read', [serverLive]],
    ['GET', '/v2/health/ready', 'read', [serverReady]],
    // Before the model of that name.
    ['GET', '/v2/models/stats', 'operate', statistics],
    ['GET', '/v2/models/:model', 'read', [modelMetadata]],
    ['GET', '/v2/models/:model/ready', 'read', [modelReady]],
    ['GET', '/v2/models/:model/config', 'read', [modelConfig]],
    ['GET', '/v2/models/:model/stats', 'operate', statistics],
    ['POST', '/v2/models/:model/infer', 'predict', byUnit],
    ['GET', '/v2/models/:model/versions/:version', 'read', [modelMetadata]],
    ['GET', '/v2/models/:model/versions/:version/ready', 'read', [modelReady]],
    ['GET', '/v2/models/:model/versions/:version/config', 'read', [modelConfig]],
    ['GET', '/v2/models/:model/versions/:version/stats', 'operate', statistics],
    ['POST', '/v2/models/:model/versions/:version/infer', 'predict', byVersion],
    ['POST', '/v2/repository/index', 'operate', [mayRead, repositoryIndex]],
    ['POST', '/v2/repository/models/:model/load', 'operate', load],
    ['POST', '/v2/repository/models/:model/unload', 'operate', unload],
  ];
}
