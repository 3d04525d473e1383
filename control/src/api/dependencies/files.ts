import { X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, statfs } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Config } from '@headgate/contracts/config/schema';
import { DAY_MS } from '@headgate/runtime/clock';
import { readRegularFile } from '@headgate/runtime/read-file';
import { type Check, degraded, down, type Finding, off, ok } from './check.ts';

const GIB = 2 ** 30;
/** Logs and spools need a few GiB at their limits. */
const LOW_BYTES = 2 * GIB;
const LOW_SHARE = 0.05;
const MAX_CERTIFICATE_BYTES = 2 ** 20;
/** Certificates of Let's Encrypt are renewed 30 days before their end: half of that is late. */
const RENEW_MS = 14 * DAY_MS;

/** The folder with the models, where it is on this machine. */
export function modelRepository({ inference, routing_config_map }: Config, root: string): Check {
  const dir = resolve(root, inference.models_dir);
  const remedy = `make ${dir} readable for this user: npm start sets it up`;
  return {
    name: 'model repository',
    remedy,
    async find() {
      // In a cluster the pods of inference have it.
      if (routing_config_map !== '' || !existsSync(dir)) return off('is not on this machine');
      const entries = await readdir(dir, { withFileTypes: true });
      const models = entries.filter((entry) => entry.isDirectory()).length;
      return models === 0 ? degraded(`${dir} holds no model`, remedy) : ok(`models: ${models}, in ${dir}`);
    },
  };
}

/** Room for the spool, the logs and the store, on the disk of `state`. */
export function diskSpace(root: string): Check {
  const remedy = 'make room on this disk: predictions go on without it, but records and audit records do not';
  return {
    name: 'disk',
    remedy,
    async find() {
      const dir = existsSync(join(root, 'state')) ? join(root, 'state') : root;
      const { bavail, blocks, bsize } = await statfs(dir);
      const free = bavail * bsize;
      const detail = `${(free / GIB).toFixed(1)} GiB of ${((blocks * bsize) / GIB).toFixed(1)} GiB free`;
      if (free === 0) return down(detail, remedy);
      const isLow = free < Math.min(LOW_BYTES, LOW_SHARE * blocks * bsize);
      return isLow ? degraded(detail, remedy) : ok(detail);
    },
  };
}

/** The certificates of Envoy's listeners, where they are on this machine. */
export function certificates({ envoy }: Config, root: string, nowMs: () => number): Check {
  const remedy = 'renew it: docs/edge.md; a new one is taken without a restart';
  const paths = [envoy.tls_dir, envoy.internal_tls_dir].map((dir) => join(resolve(root, dir), 'tls.crt'));
  return {
    name: 'certificates',
    remedy,
    async find() {
      const here = paths.filter((path) => existsSync(path));
      if (here.length === 0) return off('are not on this machine');
      const ends = await Promise.all(here.map(async (path) => ({ path, ms: await endOf(path) })));
      const [first] = ends.sort((a, b) => a.ms - b.ms);
      return first ? validity(first, nowMs(), remedy) : off('are not on this machine');
    },
  };
}

async function endOf(path: string): Promise<number> {
  return new X509Certificate(
    await readRegularFile(path, { maxBytes: MAX_CERTIFICATE_BYTES }),
  ).validToDate.getTime();
}

function validity({ path, ms }: { path: string; ms: number }, nowMs: number, remedy: string): Finding {
  const days = Math.floor((ms - nowMs) / DAY_MS);
  if (ms <= nowMs) return down(`${path} ended at ${new Date(ms).toISOString()}`, remedy);
  const detail = `the next one ends in ${days} days: ${path}`;
  return ms - nowMs < RENEW_MS ? degraded(detail, remedy) : ok(detail);
}
