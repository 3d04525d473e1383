import { z } from 'zod';
import { IN_WORDS } from './issues.ts';

/**
 * The routing table (decision 0015): which versions are served and how the units of an experiment are split.
 * One owner writes it; gateway and inference both read it, live. A file that does not pass as a whole changes nothing.
 */

const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'expected letters, digits, . _ - (at most 64)');

/** Weights are percent with at most two decimals: the smallest step is one of 10,000 buckets. */
export const BUCKETS = 10_000;

export const percentFrom = (least: number) =>
  z
    .number()
    .min(least)
    .max(100)
    .refine((w) => Math.abs(w * 100 - Math.round(w * 100)) < 1e-9, 'expected at most two decimals');

const variantSchema = z.strictObject({ name, version: name, weight: percentFrom(0) });

/** Most versions of a model that are loaded at once. */
export const MAX_VERSIONS = 16;

/** Most versions that are compared with control at once: each sampled image runs once more for each of them. */
export const MAX_SHADOWS = 2;

/** A version that gets copies of requests which control answered; callers never see its answers (decision 0102). */
export const shadowSchema = z.strictObject({
  version: name,
  /** Share of these requests, in percent. */
  sample: percentFrom(0.01),
});

export const experimentSchema = z
  .strictObject({
    name,
    /** Changing the salt assigns every unit again: do it for a new experiment, never during one. */
    salt: z.string().min(1).max(128),
    /** The first variant is the control; at most two treatments follow it. */
    variants: z.array(variantSchema).min(1).max(3),
  })
  .superRefine((experiment, ctx) => {
    const sum = experiment.variants.reduce((total, v) => total + Math.round(v.weight * 100), 0);
    if (sum !== BUCKETS) {
      ctx.addIssue({
        code: 'custom',
        path: ['variants'],
        message: `expected weights that sum to 100, not ${sum / 100}`,
      });
    }
    const names = new Set(experiment.variants.map((v) => v.name));
    if (names.size !== experiment.variants.length) {
      ctx.addIssue({
        code: 'custom',
        path: ['variants'],
        message: 'expected a different name for each variant',
      });
    }
  });

const versionsSchema = z.array(name).min(1).max(MAX_VERSIONS);

const modelSchema = z
  .strictObject({
    /** The plain form, for a model without an experiment: this version gets all units. */
    version: name.optional(),
    /** Versions that every inference pod loads. The experiment's versions must be among them. */
    versions: versionsSchema.optional(),
    /**
     * Of `versions`, those that control added because an alias of the registry names them: it removes them again
     * (decision 0111). Versions that are not named here are the operator's.
     */
    staged: z.array(name).max(MAX_VERSIONS).optional(),
    experiment: experimentSchema.optional(),
    shadows: z.array(shadowSchema).max(MAX_SHADOWS).optional(),
  })
  .superRefine((model, ctx) => {
    const refuse = (path: (string | number)[], message: string) =>
      ctx.addIssue({ code: 'custom', path, message });
    const { version, experiment, versions, shadows = [] } = model;
    if ((version === undefined) === (experiment === undefined)) {
      refuse(
        [experiment ? 'version' : 'experiment'],
        'expected either version, where one version gets all units, or experiment',
      );
    } else if (!version && !versions) refuse(['versions'], 'expected a list, found nothing');
    const loaded = versions ?? (version === undefined ? [] : [version]);
    const once = (all: readonly string[], path: 'versions' | 'shadows') => {
      if (new Set(all).size !== all.length) refuse([path], 'expected each version once');
    };
    const served = (one: string, path: (string | number)[]) => {
      if (loaded.length === 0 || loaded.includes(one)) return;
      refuse([...path, 'version'], `expected one of the served versions (${loaded.join(', ')})`);
    };
    once(loaded, 'versions');
    once(
      shadows.map((shadow) => shadow.version),
      'shadows',
    );
    if (version !== undefined) served(version, []);
    for (const [i, variant] of (experiment?.variants ?? []).entries())
      served(variant.version, ['experiment', 'variants', i]);
    for (const [i, shadow] of shadows.entries()) served(shadow.version, ['shadows', i]);
  })
  .transform(({ version, versions, staged, experiment, shadows }): ModelRouting => {
    // The check above let one of the two forms through.
    const only = version as string;
    return {
      versions: versions ?? [only],
      ...(staged && { staged }),
      experiment: experiment ?? onlyVersion(only),
      ...(shadows && { shadows }),
    };
  });

/** What the plain form `version` stands for: an experiment with one variant, which gets all units. */
export function onlyVersion(version: string): Experiment {
  const named = `version-${version}`.slice(0, 64);
  return {
    name: named,
    salt: named,
    variants: [{ name: `v${version}`.slice(0, 64), version, weight: 100 }],
  };
}

export const routingSchema = z
  .strictObject({
    schema: z.literal(1),
    /** Model that answers `POST /predict`. */
    default_model: name,
    models: z.record(name, modelSchema),
  })
  .superRefine((routing, ctx) => {
    if (Object.hasOwn(routing.models, routing.default_model)) return;
    ctx.addIssue({
      code: 'custom',
      path: ['default_model'],
      message: 'expected the name of a model listed under models',
    });
  });

export type Routing = z.infer<typeof routingSchema>;
/** Of a model, in full: the plain form is an experiment with one variant. */
export interface ModelRouting {
  versions: string[];
  staged?: string[] | undefined;
  experiment: Experiment;
  shadows?: Shadow[] | undefined;
}
export type Experiment = z.infer<typeof experimentSchema>;
export type Variant = z.infer<typeof variantSchema>;
export type Shadow = z.infer<typeof shadowSchema>;

/** The control variant: what unversioned gRPC gets, and what a unit gets whose own variant is not ready. */
export function controlOf(experiment: Experiment): Variant {
  // The schema demands at least one variant.
  return experiment.variants[0] as Variant;
}

/**
 * Own property only, so that a model called `constructor` or `__proto__` is unknown.
 */
export function modelRouting(routing: Routing, model: string): ModelRouting | undefined {
  return Object.hasOwn(routing.models, model) ? routing.models[model] : undefined;
}

/** Parses and checks a routing document that is already plain data. @throws z.ZodError with every issue */
export function parseRouting(document: unknown): Routing {
  return routingSchema.parse(document, IN_WORDS);
}
