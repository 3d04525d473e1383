/**
 * Names in MLflow that pipelines and control share. The name of a registered model, and the number of a version, are
 * those of Headgate.
 */

/**
 * Aliases of a registered model; each names one version.
 *
 * - `staging`: to be deployed to staging
 * - `candidate`: has passed the tests of staging, and waits for an approval
 * - `champion`: the control version of production
 */
export type Alias = 'staging' | 'candidate' | 'champion';

/** Tags of a version. */
export const TAG = {
  /** Digest of its manifest, as hex; set last of all: a version without it is incomplete, and nothing serves it. */
  manifest: 'headgate.manifest_sha256',
  /** Digest of the manifest before registration wrote the number into it. */
  folder: 'headgate.folder_sha256',
  stage: 'headgate.stage',
  dataVersion: 'headgate.data_version',
  /** Rollout that rejected it last: the same one does so once. */
  turnedDownBy: 'headgate.turned_down_by',
  /** Why it was rejected; absent once it is the control. */
  rejected: 'headgate.rejected',
} as const;

const SHA256 = /^[0-9a-f]{64}$/;

/** Digest of the manifest of a version; undefined while its registration is not complete: nothing serves it then. */
export function manifestDigestOf({
  tags,
}: {
  readonly tags: Readonly<Record<string, string>>;
}): string | undefined {
  const digest = tags[TAG.manifest];
  return digest !== undefined && SHA256.test(digest) ? digest : undefined;
}
