import { toHeadgateError } from '@headgate/contracts/errors';
import type { ModelRepositoryParameter } from '@headgate/contracts/gen/grpc/inference/ModelRepositoryParameter';
import { type AppContext, callContext, type RouteHandler } from '../../context.ts';
import type { LoadParameters } from '../../upstream/inference.ts';
import type { DescribeOptions } from './describe.ts';
import { type Fields, fieldsOf, invalidField, memberOf, objectOf } from './fields.ts';
import { parseJson } from './frame.ts';

/** What the model repository holds, served or not. The body may say `{"ready": true}`, or be empty. */
export function repositoryIndex({ inference }: DescribeOptions): RouteHandler {
  return async function repositoryIndex(c) {
    const ready = memberOf(await bodyOf(c), 'ready') ?? false;
    if (typeof ready !== 'boolean') throw invalidField('ready', 'expected true or false');
    const { models } = await inference.repositoryIndex(ready, callContext(c));
    c.header('cache-control', 'no-store');
    return c.json(models.map(({ name, version, state, reason }) => ({ name, version, state, reason })));
  };
}

/** Loads a model, or loads it anew; answers when it is ready. Inference refuses where its configuration decides. */
export function loadModel({ inference }: DescribeOptions): RouteHandler {
  return async function loadModel(c) {
    const parameters = parametersOf(await bodyOf(c));
    await inference.load(c.req.param('model') ?? '', parameters, callContext(c));
    return c.json({});
  };
}

/** Stops serving a model. No model depends on another, so `unload_dependents` is without effect. */
export function unloadModel({ inference }: DescribeOptions): RouteHandler {
  return async function unloadModel(c) {
    await bodyOf(c);
    await inference.unload(c.req.param('model') ?? '', callContext(c));
    return c.json({});
  };
}

/** The members of the body; none when it is empty. */
async function bodyOf(c: AppContext): Promise<Fields> {
  try {
    return objectOf(parseJson(await c.get('readBody')()), 'body');
  } catch (thrown) {
    if (toHeadgateError(thrown).reason === 'empty_body') return {};
    throw thrown;
  }
}

function parametersOf(body: Fields): LoadParameters {
  const entries = Object.entries(fieldsOf(body, 'parameters', 'parameters'));
  return Object.fromEntries(entries.map(([name, value]) => [name, parameterOf(name, value)]));
}

function parameterOf(name: string, value: unknown): ModelRepositoryParameter {
  if (name === '__proto__') throw invalidField('parameters', 'expected other names than __proto__');
  if (typeof value === 'boolean') return { bool_param: value };
  if (typeof value === 'string') return { string_param: value };
  throw invalidField(`parameters.${name.slice(0, 64)}`, 'expected a string, true or false');
}
