import { hash, timingSafeEqual } from 'node:crypto';
import { resolve } from 'node:path';
import { HEADER } from '@headgate/contracts/names';
import { ConfigError } from './load-config.ts';
import { readRegularFileSync } from './read-file.ts';

/** What our own processes show each other, so that others beside them cannot pass for Envoy or the gateway. */
export interface InternalSecret {
  /** Sent with each call to another part, as an HTTP header or as gRPC metadata. */
  readonly header: Readonly<Record<string, string>>;
  /** Whether a caller showed one of the secrets; takes the same time for each wrong text of a length. */
  accepts(shown: unknown): boolean;
}

/** Fit for a header, and at least 128 bits where it is random hex. */
const LINE = /^[A-Za-z0-9._~+/=-]{32,256}$/;

const MAX_BYTES = 4096;

/** What is wrong with the file, and what to do. */
export class InternalSecretError extends ConfigError {
  readonly problem: string;

  constructor(problem: string, cause?: unknown) {
    const advice = `${problem}; openssl rand -hex 32 makes one`;
    super(`listen.internal_secret_file: ${advice}`, { cause });
    this.problem = advice;
  }
}

/**
 * Reads `listen.internal_secret_file`; undefined where none is configured. The first line is sent, each line is
 * accepted: a new secret is added as the second line, then becomes the first, then the old line goes, each time with a
 * restart of the parts one after the other.
 *
 * @throws InternalSecretError when the file does not hold one
 */
export function readInternalSecret(
  { internal_secret_file: file }: { readonly internal_secret_file: string },
  root: string,
): InternalSecret | undefined {
  if (file === '') return undefined;
  const path = resolve(root, file);
  const lines = linesOf(path);
  const [sent] = lines;
  if (sent === undefined || !lines.every((line) => LINE.test(line))) {
    throw new InternalSecretError(`${path} must hold 32 to 256 letters or digits in each line`);
  }
  const accepted = lines.map(digestOf);
  return {
    header: { [HEADER.internalSecret]: sent },
    accepts: (shown) => {
      if (typeof shown !== 'string') return false;
      const digest = digestOf(shown);
      return accepted.filter((one) => timingSafeEqual(one, digest)).length > 0;
    },
  };
}

function linesOf(path: string): string[] {
  try {
    const lines = readRegularFileSync(path, { maxBytes: MAX_BYTES }).toString().split('\n');
    return lines.map((line) => line.trim()).filter((line) => line !== '');
  } catch (cause) {
    throw new InternalSecretError(`${path} cannot be read`, cause);
  }
}

const digestOf = (text: string): Buffer => hash('sha256', text, 'buffer');
