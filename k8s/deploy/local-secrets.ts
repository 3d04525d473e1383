import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KeyRecord, Role } from '@headgate/contracts/keys';
import { createAuthority } from '../../scripts/setup/certificates.ts';

/** Content of a Secret, by key. */
export type SecretData = Readonly<Record<string, string>>;

export interface LocalContext {
  /** Name that clients call. */
  readonly host: string;
  /** Keeps what operators of a test installation need in clear, readable for them alone. */
  readonly dir: string;
}

/** What pods read from each Secret, by its name under `secrets` in the values. */
export const SECRET_KEYS = {
  internal: ['internal.secret'],
  keys: ['keys.yaml'],
  records: ['records.key'],
  redis: ['url'],
  postgres: ['url'],
  tls: ['tls.crt', 'tls.key'],
  internalTls: ['tls.crt', 'tls.key', 'ca.crt'],
  airflow: ['jwt.key', 'secret.key', 'passwords.json'],
  pipelines: ['admin.key', 'tester.key'],
} as const;
export type SecretRole = keyof typeof SECRET_KEYS;

/** Of a Secret with the usual name, such as headgate-internal-tls for internalTls; undefined: a name of the operator's. */
export function roleOf(name: string): SecretRole | undefined {
  const roles = Object.keys(SECRET_KEYS) as SecretRole[];
  const usual = (role: string) => role.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return roles.find((role) => name === `headgate-${usual(role)}`);
}

/** Makes what a test installation lacks. Production brings its own. */
export const LOCAL_SECRETS: Readonly<
  Record<SecretRole, (context: LocalContext) => SecretData | Promise<SecretData>>
> = {
  internal: () => ({ 'internal.secret': `${hex(32)}\n` }),
  records: () => ({ 'records.key': `${hex(32)}\n` }),
  keys: makeKeys,
  redis: () => {
    const password = hex(24);
    return { password, url: `redis://:${password}@headgate-redis:6379` };
  },
  postgres: () => {
    const password = hex(24);
    return { password, url: `postgres://headgate:${password}@headgate-postgres:5432/headgate` };
  },
  tls: async ({ host }) => {
    const authority = await createAuthority('Headgate test CA');
    const { certificate, key } = await authority.issue(host, 'server');
    return { 'tls.crt': certificate, 'tls.key': key, 'ca.crt': authority.certificate };
  },
  internalTls: async ({ host, dir }) => {
    const authority = await createAuthority('Headgate internal test CA');
    const server = await authority.issue(host, 'server');
    const client = await authority.issue('headgate-internal-client', 'client');
    keep(dir, {
      'client.crt': client.certificate,
      'client.key': client.key,
      'internal-ca.crt': authority.certificate,
    });
    return { 'tls.crt': server.certificate, 'tls.key': server.key, 'ca.crt': authority.certificate };
  },
  airflow: ({ dir }) => {
    const admin = hex(16);
    keep(dir, { 'airflow.password.txt': admin });
    return { 'jwt.key': hex(32), 'secret.key': hex(32), 'passwords.json': JSON.stringify({ admin }) };
  },
  pipelines: ({ dir }) => ({ 'admin.key': keptKey(dir, 'pipelines'), 'tester.key': keptKey(dir, 'tester') }),
};

/** API keys, and their roles. Airflow has one of its own, so that the audit log tells its calls from those of a person. */
const API_KEYS: Readonly<Record<Role | 'pipelines', Role>> = {
  client: 'client',
  tester: 'tester',
  admin: 'admin',
  pipelines: 'admin',
};
type KeyName = keyof typeof API_KEYS;

const keyFile = (dir: string, name: KeyName): string => join(dir, `${name}.key.txt`);
const keptKey = (dir: string, name: KeyName): string => readFileSync(keyFile(dir, name), 'utf8').trim();

/** Where the API key of a test installation is kept. */
export const clientKeyFile = (dir: string): string => keyFile(dir, 'client');

/** Whether the API keys of the pipelines are kept here, and in force by this content of `keys.yaml`. */
export function hasPipelineKeys(dir: string, keysYaml: string): boolean {
  const isInForce = (name: KeyName) => keysYaml.includes(sha256(keptKey(dir, name)));
  return (['pipelines', 'tester'] as const).every(
    (name) => existsSync(keyFile(dir, name)) && isInForce(name),
  );
}

function makeKeys({ dir }: LocalContext): SecretData {
  const keys = Object.entries(API_KEYS).map(([name, role]) => ({ name, ...makeKey(`test ${name}`, role) }));
  keep(dir, Object.fromEntries(keys.map(({ name, key }) => [`${name}.key.txt`, key])));
  return { 'keys.yaml': JSON.stringify({ keys: keys.map(({ record }) => record) }) };
}

function makeKey(name: string, role: Role): { key: string; record: KeyRecord } {
  const id = hex(10);
  const key = `hg_${id}_${randomBytes(32).toString('base64url')}`;
  return { key, record: { id, sha256: sha256(key), name, role, tier: 'default' } };
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

function keep(dir: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  for (const [name, text] of Object.entries(files))
    writeFileSync(join(dir, name), `${text.trim()}\n`, { mode: 0o600 });
}

const hex = (bytes: number): string => randomBytes(bytes).toString('hex');
