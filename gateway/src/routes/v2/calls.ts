import { HeadgateError, toHeadgateError } from '@headgate/contracts/errors';
import type { ModelRepositoryParameter } from '@headgate/contracts/gen/grpc/inference/ModelRepositoryParameter';
import { controlOf } from '@headgate/contracts/routing';
import { tooLarge } from '../../body/read-body.ts';
import { type AppContext, callContext } from '../../context.ts';
import type { AppDeps } from '../../deps.ts';
import type { ModelName, OpenInference } from '../../upstream/inference.ts';
import { knownModel, knownVersion } from '../predict/choose-variant.ts';
import { type Fields, fieldsOf, invalidField, memberOf, objectOf } from './fields.ts';
import { parseJson } from './read-tensors.ts';

/** Extensions that are this gateway's own: inference knows nothing of HTTP bodies. */
const OWN_EXTENSIONS = ['binary_tensor_data'];

/** Calls that inference answers about itself and its models. */
export function describeCalls(inference: OpenInference) {
  return {
    async serverMetadata(c: AppContext) {
      const { name, version, extensions } = await inference.serverMetadata(callContext(c));
      return c.json({ name, version, extensions: [...extensions, ...OWN_EXTENSIONS] });
    },

    /** Tensors of a model: what to send, and what comes back. */
    async modelMetadata(c: AppContext) {
      const answer = await inference.modelMetadata(modelOf(c), callContext(c));
      const { name, versions, platform, inputs, outputs } = answer;
      return c.json({ name, versions, platform, inputs, outputs });
    },

    /** How a model is served, in Triton's words. */
    async modelConfig(c: AppContext) {
      const { config } = await inference.modelConfig(modelOf(c), callContext(c));
      return c.json(plain(config) as object);
    },

    /** Counters of the inference process that answers: of one version, of a model, or of all. */
    async modelStatistics(c: AppContext) {
      return c.json(plain(await inference.statistics(modelOf(c), callContext(c))) as object);
    },
  };
}

/**
 * Whether this gateway and its models answer. The status says so, as Triton's clients read it; the body says it under
 * the names that clients of the protocol look for.
 */
export function healthCalls({
  routing,
  readiness,
  draining,
}: Pick<AppDeps, 'routing' | 'readiness' | 'draining'>) {
  return {
    serverLive(c: AppContext) {
      return c.json({ live: true });
    },

    /** Ready means that infer requests to the default model are answered. */
    serverReady(c: AppContext) {
      const table = routing.current();
      const { experiment } = knownModel(table, table.default_model);
      const ready = readiness.isReady(table.default_model, controlOf(experiment).version);
      if (draining()) throw notReady('This gateway is about to stop; another one answers.');
      if (!ready) throw notReady('The default model is not ready.');
      return c.json({ live: true, ready });
    },

    /** Readiness of the version in the path, or of the one that units fall back to. An unknown one is 404, not 500. */
    modelReady(c: AppContext) {
      const { model: name, version: named } = modelOf(c);
      const entry = knownModel(routing.current(), name);
      const version = named === '' ? controlOf(entry.experiment).version : knownVersion(entry, named);
      if (!readiness.isReady(name, version)) throw notReady(`Version ${version} of ${name} is not ready.`);
      return c.json({ name, version, ready: true });
    },
  };
}

/** Calls of Triton's model repository. */
export function repositoryCalls(inference: OpenInference) {
  return {
    /** What the repository holds, served or not. The body may say `{"ready": true}`, or be empty. */
    async repositoryIndex(c: AppContext) {
      const ready = memberOf(await bodyOf(c), 'ready') ?? false;
      if (typeof ready !== 'boolean') throw invalidField('ready', 'expected true or false');
      const { models } = await inference.repositoryIndex(ready, callContext(c));
      return c.json(models.map(({ name, version, state, reason }) => ({ name, version, state, reason })));
    },

    /** Loads or reloads a model, and answers when it is ready. Inference refuses where its configuration decides. */
    async loadModel(c: AppContext) {
      const parameters = Object.entries(fieldsOf(await bodyOf(c), 'parameters', 'parameters'));
      const given = Object.fromEntries(parameters.map(([name, value]) => [name, parameterOf(name, value)]));
      await inference.load(modelOf(c).model, given, callContext(c));
      return c.json({});
    },

    /** Stops serving a model. No model depends on another, so `unload_dependents` is without effect. */
    async unloadModel(c: AppContext) {
      await bodyOf(c);
      await inference.unload(modelOf(c).model, callContext(c));
      return c.json({});
    },
  };
}

/** What the path names; '' for what it leaves out. */
function modelOf(c: AppContext): ModelName {
  return { model: c.req.param('model') ?? '', version: c.req.param('version') ?? '' };
}

const notReady = (detail: string) => new HeadgateError('unavailable', detail);

/** Members in which the gRPC library names the member of a oneof that is set. They are no part of a message. */
const ONEOF_NAMES = new Set(['scheduling_choice', 'policy_choice', 'parameter_choice']);

/**
 * A gRPC message as Triton's REST calls answer it: the same names, without what is not set. Clients take the mere
 * presence of some members for an answer.
 */
function plain(message: unknown): unknown {
  if (Array.isArray(message)) return message.map(plain);
  if (typeof message !== 'object' || message === null) return message;
  const set = Object.entries(message).filter(([name, value]) => value !== null && !ONEOF_NAMES.has(name));
  return Object.fromEntries(set.map(([name, value]) => [name, plain(value)]));
}

/** Models are loaded by a few lines. */
const MAX_BYTES = 64 * 1024;

/** The members of the body; none when it is empty. */
async function bodyOf(c: AppContext): Promise<Fields> {
  try {
    const body = await c.get('readBody')();
    if (body.byteLength > MAX_BYTES) throw tooLarge(MAX_BYTES);
    return objectOf(parseJson(body), 'body');
  } catch (thrown) {
    if (toHeadgateError(thrown).reason === 'empty_body') return {};
    throw thrown;
  }
}

function parameterOf(name: string, value: unknown): ModelRepositoryParameter {
  if (name === '__proto__') throw invalidField('parameters', 'expected other names than __proto__');
  if (typeof value === 'boolean') return { bool_param: value };
  if (typeof value === 'string') return { string_param: value };
  throw invalidField(`parameters.${name.slice(0, 64)}`, 'expected a string, true or false');
}
