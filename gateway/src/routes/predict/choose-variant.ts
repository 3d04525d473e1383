import { HeadgateError } from '@headgate/contracts/errors';
import { HEADER } from '@headgate/contracts/names';
import {
  controlOf,
  type ModelRouting,
  modelRouting,
  type Routing,
  type Shadow,
} from '@headgate/contracts/routing';
import { assign } from '@headgate/runtime/routing/assign';
import { mayUseModel } from '../../auth/identity.ts';
import type { AppContext, Layer } from '../../context.ts';
import type { RoutingSource } from '../../routing/source.ts';
import type { Parking } from '../../serverless/parking.ts';
import type { Readiness } from '../../upstream/inference.ts';

/** What serves a request. */
export interface Choice {
  readonly model: string;
  readonly version: string;
  /** Variant that serves it; null when the caller named a version. */
  readonly variant: string | null;
  /** Variant that its unit hashes to. Differs from `variant` while that one's version is not ready (decision 0007). */
  readonly assignedVariant: string | null;
  /** Name of the experiment; null when the caller named a version. */
  readonly experiment: string | null;
  /** What the caller named as its unit; null when it named none, or a version. Never leaves the process as it is. */
  readonly unit: string | null;
  /** Versions that get copies of what control answers. */
  readonly shadows?: readonly Shadow[] | undefined;
}

export interface ChooseVariantOptions {
  /** Read once per request, so that one request never sees two generations of the table. */
  readonly routing: RoutingSource;
  readonly readiness: Readiness;
  /** Absent where every model always has pods. */
  readonly parking?: Pick<Parking, 'enter'>;
}

/** Visible ASCII. */
const UNIT = /^[\x21-\x7e]{1,128}$/;

/**
 * Chooses the variant of the request's unit, or control while that variant's version is not ready. Waits for the first
 * pod of a serverless model.
 */
export function chooseVariant({ routing, readiness, parking }: ChooseVariantOptions): Layer {
  return async function chooseVariant(c, next) {
    const table = routing.current();
    const model = c.req.param('model') ?? table.default_model;
    mayUseModel(c.get('identity'), model);
    const { experiment, shadows } = knownModel(table, model);
    const assigned = assign(experiment, unitOf(c));
    const control = controlOf(experiment);
    const leave = await parking?.enter({ model, version: control.version }, c.get('deadline'));
    const served = readiness.isReady(model, assigned.version) ? assigned : control;
    c.set('choice', {
      model,
      version: served.version,
      variant: served.name,
      assignedVariant: assigned.name,
      experiment: experiment.name,
      unit: c.req.header(HEADER.unit) ?? null,
      shadows: served === control ? shadows : undefined,
    });
    await next().finally(leave);
  };
}

/** Chooses the version that the path names. */
export function chooseVersion({ routing, parking }: Omit<ChooseVariantOptions, 'readiness'>): Layer {
  return async function chooseVersion(c, next) {
    const model = c.req.param('model') ?? '';
    const version = c.req.param('version') ?? '';
    knownVersion(knownModel(routing.current(), model), version);
    const leave = await parking?.enter({ model, version }, c.get('deadline'));
    c.set('choice', {
      model,
      version,
      variant: null,
      assignedVariant: null,
      experiment: null,
      unit: null,
    });
    await next().finally(leave);
  };
}

/** @throws HeadgateError unknown_model */
export function knownModel(table: Routing, model: string): ModelRouting {
  const known = modelRouting(table, model);
  if (known) return known;
  throw new HeadgateError('unknown_model', 'No model of this name is served; GET /v1/models lists them.');
}

/** @returns the version itself. @throws HeadgateError unknown_version */
export function knownVersion({ versions }: ModelRouting, version: string): string {
  if (versions.includes(version)) return version;
  throw new HeadgateError('unknown_version', 'The model has no such version; GET /v1/models lists them.');
}

/** The stable unit of the request: what the caller names, else its key. */
function unitOf(c: AppContext): string {
  const unit = c.req.header(HEADER.unit);
  if (unit === undefined) return c.get('identity')?.keyId ?? '';
  if (UNIT.test(unit)) return unit;
  throw new HeadgateError('invalid_request', `${HEADER.unit} must be 1 to 128 visible ASCII characters.`);
}
