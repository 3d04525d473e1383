import { type AppContext, callContext, type RouteHandler } from '../../context.ts';
import type { ModelName, OpenInference } from '../../upstream/inference.ts';
import { plain } from './plain.ts';

export interface DescribeOptions {
  readonly inference: OpenInference;
}

/** Extensions that are this gateway's own: inference knows nothing of HTTP bodies. */
const OWN_EXTENSIONS = ['binary_tensor_data'];

export function serverMetadata({ inference }: DescribeOptions): RouteHandler {
  return async function serverMetadata(c) {
    const { name, version, extensions } = await inference.serverMetadata(callContext(c));
    return c.json({ name, version, extensions: [...extensions, ...OWN_EXTENSIONS] });
  };
}

/** Tensors of a model: what to send, and what comes back. */
export function modelMetadata({ inference }: DescribeOptions): RouteHandler {
  return async function modelMetadata(c) {
    const { name, versions, platform, inputs, outputs } = await inference.modelMetadata(
      modelOf(c),
      callContext(c),
    );
    return c.json({ name, versions, platform, inputs, outputs });
  };
}

/** How a model is served, in Triton's words. */
export function modelConfig({ inference }: DescribeOptions): RouteHandler {
  return async function modelConfig(c) {
    const { config } = await inference.modelConfig(modelOf(c), callContext(c));
    return c.json(plain(config) as object);
  };
}

/** Counters of the inference process that answers: of one version, of a model, or of all. */
export function modelStatistics({ inference }: DescribeOptions): RouteHandler {
  return async function modelStatistics(c) {
    c.header('cache-control', 'no-store');
    return c.json(plain(await inference.statistics(modelOf(c), callContext(c))) as object);
  };
}

/** What the path names; '' for what it leaves out. */
function modelOf(c: AppContext): ModelName {
  return { model: c.req.param('model') ?? '', version: c.req.param('version') ?? '' };
}
