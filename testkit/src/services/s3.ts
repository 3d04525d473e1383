import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { which } from '../../../scripts/setup/python.ts';
import { freePort } from '../ports.ts';
import { type Daemon, startInFolder } from './daemon.ts';
import { serviceDir, writeFor } from './user.ts';

export interface TestS3 extends Daemon {
  readonly endpoint: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** A server of the S3 protocol that keeps objects on disk. */
const ARTIFACT = 'org.gaul:s3proxy:4.1.0:jar:jar-with-dependencies';
const JAR = 's3proxy-4.1.0-jar-with-dependencies.jar';
const FETCH_WITHIN_MS = 240_000;
const BUCKET = 'captures';

/** Debian package of each required program. */
const PACKAGES = { java: 'default-jre-headless', mvn: 'maven' };

/** Missing Debian packages. */
export function missingS3Packages(path = process.env.PATH ?? ''): string[] {
  return Object.entries(PACKAGES)
    .filter(([program]) => which(program, path) === undefined)
    .map(([, name]) => name);
}

/** Names what is missing; undefined when nothing is. */
export function s3Obstacle(path = process.env.PATH ?? ''): string | undefined {
  const missing = missingS3Packages(path);
  return missing.length === 0 ? undefined : `needs ${missing.join(' and ')}`;
}

/**
 * A real S3 server on a free port of the loopback interface, with one empty bucket and its own key. Close it after the
 * tests.
 *
 * @param cacheDir keeps its program, which Maven fetches, between runs
 */
export async function startS3(cacheDir: string): Promise<TestS3> {
  const jar = await fetchJar(cacheDir);
  const dir = serviceDir('s3', {});
  const port = await freePort();
  const [accessKeyId, secretAccessKey] = ['headgate', randomBytes(16).toString('hex')];
  const endpoint = `http://127.0.0.1:${port}`;
  const properties = {
    's3proxy.endpoint': endpoint,
    's3proxy.authorization': 'aws-v4',
    's3proxy.identity': accessKeyId,
    's3proxy.credential': secretAccessKey,
    'jclouds.provider': 'filesystem-nio2',
    'jclouds.filesystem.basedir': join(dir, 'data'),
    'jclouds.identity': 'unused',
    'jclouds.credential': 'unused',
  };
  const lines = Object.entries(properties).map(([name, value]) => `${name}=${value}\n`);
  writeFor({}, join(dir, 's3proxy.conf'), lines.join(''));
  mkdirSync(join(dir, 'data', BUCKET), { recursive: true });
  const daemon = await startInFolder({
    command: which('java', process.env.PATH ?? '') as string,
    args: ['-Xmx256m', '-jar', jar, '--properties', join(dir, 's3proxy.conf')],
    cwd: dir,
    user: {},
    port,
    logFile: join(dir, 's3proxy.log'),
    stopSignal: 'SIGTERM',
    // Any answer will do; an unsigned request is refused.
    isReady: () =>
      fetch(endpoint).then(
        () => true,
        () => false,
      ),
  });
  return { ...daemon, endpoint, bucket: BUCKET, accessKeyId, secretAccessKey };
}

async function fetchJar(cacheDir: string): Promise<string> {
  const jar = join(cacheDir, JAR);
  if (existsSync(jar)) return jar;
  const args = ['-q', '-B', 'dependency:copy', `-Dartifact=${ARTIFACT}`, `-DoutputDirectory=${cacheDir}`];
  await promisify(execFile)(which('mvn', process.env.PATH ?? '') as string, args, {
    timeout: FETCH_WITHIN_MS,
  });
  return jar;
}
