import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { request } from 'node:https';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { tempDir } from '@headgate/testkit/folders';
import { fetchOnce } from '@headgate/testkit/http';
import { startPart } from '@headgate/testkit/part';
import { freePort, freePortBase } from '@headgate/testkit/ports';
import { ROOT } from '@headgate/testkit/root';
import { seedRouting } from '@headgate/testkit/routing';
import { spawnStart, startStack } from '@headgate/testkit/stack';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createAuthority, writeAll } from '../../scripts/setup/certificates.ts';
import { makeDevKeys } from '../../scripts/setup/keys.ts';

type Env = Readonly<Record<string, string>>;

const CANARY = 'Geheim12';
/** As people choose them: readers of YAML, JSON, shells and addresses would each change or refuse some of it. */
const SECRET = `!%${CANARY} #"'&*|>~[x] a: b{`;
const SECRETS: readonly [what: string, secret: string, inAddress: string, starts: boolean][] = [
  ['with odd characters', SECRET, encodeURIComponent(SECRET), true],
  ['that is not encoded in addresses', SECRET, SECRET, false],
  ['of two lines', `${CANARY}\nX-Second: line`, CANARY, false],
];

/** Runs a command to its end. */
async function run(args: readonly string[], env: Env) {
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: { PATH: process.env.PATH, HEADGATE_ROOT: ROOT, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 30_000,
    killSignal: 'SIGKILL',
  });
  const output = Promise.all([textOf(child.stdout), textOf(child.stderr)]);
  const ended = once(child, 'exit') as Promise<[number | null]>;
  const [code] = await ended;
  return { code, output: (await output).join('') };
}

/** Files and folders of one installation, all in a folder of its own. */
function installation(): { dir: string; env: Env } {
  const dir = tempDir({ 'keys.yaml': 'keys: []', 'internal.secret': 'e5'.repeat(32) });
  seedRouting(join(dir, 'routing.yaml'), 'digits');
  const env = {
    HEADGATE_GATEWAY__KEYS_FILE: join(dir, 'keys.yaml'),
    HEADGATE_LISTEN__INTERNAL_SECRET_FILE: join(dir, 'internal.secret'),
    HEADGATE_ROUTING_FILE: join(dir, 'routing.yaml'),
    HEADGATE_RECORDS__SPOOL_DIR: join(dir, 'spool'),
    HEADGATE_RECORDS__HASH_KEY_FILE: join(dir, 'records.key'),
    HEADGATE_RECORDS__EMBEDDED_DIR: join(dir, 'store'),
    HEADGATE_AUDIT__DIR: join(dir, 'audit'),
    HEADGATE_AUDIT__HEADS_FILE: join(dir, 'heads.jsonl'),
    HEADGATE_AUDIT__KEYS_DIR: join(dir, 'audit-keys'),
  };
  return { dir, env };
}

describe('a secret', () => {
  /** Services that refuse what they are shown, as after a rotation that one side has missed. */
  async function refusingServices() {
    const http = createServer((_, response) => void response.writeHead(403).end()).listen(0, '127.0.0.1');
    const redis = createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', () => socket.write('-WRONGPASS invalid username-password pair\r\n'));
    }).listen(0, '127.0.0.1');
    await Promise.all([once(http, 'listening'), once(redis, 'listening')]);
    onTestFinished(() => {
      http.closeAllConnections();
      for (const server of [http, redis]) server.close();
    });
    const [h, r] = [http, redis].map((server) => (server.address() as AddressInfo).port);
    return { http: `127.0.0.1:${h}`, redis: `127.0.0.1:${r}`, database: `127.0.0.1:${await freePort()}` };
  }

  it.each(SECRETS)('%s is printed by no part', async (_, secret, inAddress, starts) => {
    const { dir, env } = installation();
    const at = await refusingServices();
    const settings = {
      ...env,
      HEADGATE_RECORDS__SINK: 'postgres',
      HEADGATE_RECORDS__POSTGRES_URL: `postgres://u:${inAddress}@${at.database}/db`,
      HEADGATE_AUDIT__STORE: 'postgres',
      HEADGATE_AUDIT__POSTGRES_URL: `postgres://u:${inAddress}@${at.database}/db`,
      HEADGATE_CAPTURE__STORE: 's3',
      HEADGATE_CAPTURE__MODELS: '{"digits": {"rate": 1}}',
      HEADGATE_CAPTURE__S3__ENDPOINT: `http://${at.http}`,
      HEADGATE_CAPTURE__S3__BUCKET: 'images',
      HEADGATE_CAPTURE__S3__ACCESS_KEY_ID: secret,
      HEADGATE_CAPTURE__S3__SECRET_ACCESS_KEY: secret,
      HEADGATE_TELEMETRY__TRACING__EXPORTER: 'otlp',
      HEADGATE_TELEMETRY__TRACING__ENDPOINT: `http://u:${encodeURIComponent(secret)}@${at.http}/v1/traces`,
      HEADGATE_TELEMETRY__TRACING__AUTHORIZATION: secret,
      HEADGATE_TELEMETRY__TRACING__SAMPLE_RATIO: '1',
      HEADGATE_TELEMETRY__LOG_LEVEL: 'trace',
      HEADGATE_GATEWAY__RATE_LIMIT__STORE: 'redis',
      HEADGATE_GATEWAY__RATE_LIMIT__REDIS__URL_FILE: join(
        tempDir({ url: `redis://u:${inAddress}@${at.redis}` }),
        'url',
      ),
    };
    const seen: Record<string, string> = {};
    const part = async (name: 'gateway' | 'inference' | 'control') => {
      const logFile = join(dir, `${name}.log`);
      const started = await startPart(name, { readyPage: '/livez', logFile, env: settings }).catch(
        () => undefined,
      );
      if (started) {
        const page = await started.page('/metrics');
        if (name === 'gateway') await fetchOnce(`http://127.0.0.1:${started.portBase + 1}/v1/models`);
        await started.stop();
        seen[`metrics of ${name}`] = page.text;
      }
      seen[name] = readFileSync(logFile, 'utf8');
    };
    const command = async (...args: string[]) => {
      seen[args.join(' ')] = (await run(args, settings)).output;
    };
    await Promise.all([part('gateway'), part('inference'), part('control')]);
    await Promise.all([
      command('scripts/config.ts'),
      command('envoy/src/main.ts'),
      command('control/src/cli/main.ts', 'captures', 'list'),
      command('control/src/cli/main.ts', 'audit', 'verify', '--json'),
    ]);
    expect('metrics of gateway' in seen).toBe(starts);
    for (const [name, text] of Object.entries(seen)) {
      expect(text, name).not.toBe('');
      expect(text.includes(CANARY), `${name} prints the secret: ${lineWith(text)}`).toBe(false);
    }
  });

  const lineWith = (text: string) => text.split('\n').find((line) => line.includes(CANARY));
});

describe('variables of Kubernetes', () => {
  /** For the Services headgate, headgate-gateway and headgate-envoy-admin. */
  const OF_SERVICES = Object.fromEntries(
    ['HEADGATE', 'HEADGATE_GATEWAY', 'HEADGATE_ENVOY_ADMIN'].flatMap((name) => [
      [`${name}_SERVICE_HOST`, '10.96.0.12'],
      [`${name}_SERVICE_PORT`, '8443'],
      [`${name}_SERVICE_PORT_GRPC_MTLS`, '8446'],
      [`${name}_PORT`, 'tcp://10.96.0.12:8443'],
      [`${name}_PORT_8443_TCP`, 'tcp://10.96.0.12:8443'],
      [`${name}_PORT_8443_TCP_PROTO`, 'tcp'],
      [`${name}_PORT_8443_TCP_PORT`, '8443'],
      [`${name}_PORT_8443_TCP_ADDR`, '10.96.0.12'],
      [`${name}_PORT_53_UDP`, 'udp://10.96.0.12:53'],
    ]),
  );

  it('let a part start, and others are refused by their names', async () => {
    const { env } = installation();
    const gateway = await startPart('gateway', { readyPage: '/livez', env: { ...env, ...OF_SERVICES } });
    await gateway.stop();
    const wrong = { ...env, ...OF_SERVICES, HEADGATE_PORT: '8443', HEADGATE_LISTEN_HOST: '0.0.0.0' };
    for (const main of ['gateway', 'inference', 'control', 'envoy']) {
      const { code, output } = await run([`${main}/src/main.ts`], wrong);
      expect(code, main).toBe(2);
      expect(output).toContain('HEADGATE_PORT: no setting has this name');
      expect(output).toContain(
        'HEADGATE_LISTEN_HOST: no setting has this name; remove it, or correct its spelling (__ between sections)',
      );
    }
  });
});

describe('production', () => {
  const PRODUCTION = { HEADGATE_ENV: 'production' };

  it('refuses what a development machine left behind, all at once, and makes nothing', async () => {
    const { dir, env } = installation();
    const keys = makeDevKeys(dir);
    const left = {
      ...env,
      ...PRODUCTION,
      HEADGATE_GATEWAY__KEYS_FILE: join(dir, 'state/keys.yaml'),
      HEADGATE_ROUTING_FILE: join(dir, 'none/routing.yaml'),
      HEADGATE_LISTEN__INTERNAL_SECRET_FILE: join(dir, 'none/internal.secret'),
    };
    const start = spawnStart(['--port-base', String(await freePortBase()), '--fallback'], left);
    expect(await start.exit(60_000)).toBe(2);
    const lines = start.output().split('\n');
    const ids = Object.values(keys ?? {}).map((key) => key.split('_')[1]);
    for (const [line, ...texts] of [
      ['API keys (gateway.keys_file)', ...ids, 'npx headgate keys revoke'],
      ['API keys (gateway.keys_file)', 'the tier bench', 'gateway.rate_limit.tiers'],
      ['Routing table (routing_file)', 'config/routing.yaml'],
      ['Internal secret (listen.internal_secret_file)', 'openssl rand'],
      ['Host names (envoy.server_names)', 'localhost'],
      ['Host names (envoy.server_names)', '127.0.0.1'],
      ['Public certificate (envoy.tls_dir)', 'local authority', 'npx headgate certificate install'],
      ['Internal certificates (envoy.internal_tls_dir)', 'local authority', 'docs/production.md'],
      ['Envoy', '--fallback'],
    ]) {
      const found = lines.filter((one) => one.trim().startsWith(line as string));
      for (const text of texts) expect(found.join('\n')).toContain(text);
    }
    for (const key of Object.values(keys ?? {})) expect(start.output()).not.toContain(key);
    expect(existsSync(join(dir, 'none'))).toBe(false);

    const parts = {
      gateway: 'API keys',
      inference: 'Routing table',
      control: 'Internal secret',
      envoy: 'Public certificate',
    };
    for (const [part, item] of Object.entries(parts)) {
      const { code, output } = await run(
        [`${part}/src/main.ts`, ...(part === 'envoy' ? ['--write'] : [])],
        left,
      );
      expect([code, output]).toEqual([2, expect.stringContaining(`${item} (`)]);
    }
  });

  it('serves once it has what the list asks for, and needs nothing of the set-up', async () => {
    const { dir, env } = installation();
    const authority = await createAuthority('An authority');
    for (const [folder, name] of [
      ['public', 'api.acme.org'],
      ['internal', 'inference.internal'],
    ] as const) {
      const leaf = await authority.issue(name, 'server');
      const pem = { 'tls.crt': leaf.certificate, 'tls.key': leaf.key, 'ca.crt': authority.certificate };
      writeAll(join(dir, folder), pem);
    }
    const settings = {
      ...env,
      ...PRODUCTION,
      HEADGATE_ENVOY__TLS_DIR: join(dir, 'public'),
      HEADGATE_ENVOY__INTERNAL_TLS_DIR: join(dir, 'internal'),
      HEADGATE_GATEWAY__KEYS_FILE: join(dir, 'none/keys.yaml'),
      HEADGATE_ENVOY__SERVER_NAMES: '["api.acme.org"]',
      HEADGATE_GATEWAY__DRAIN__DELAY_MS: '0',
      HEADGATE_INFERENCE__DRAIN__DELAY_MS: '0',
    };
    const made = await run(
      ['control/src/cli/main.ts', 'keys', 'create', '--name', 'Alice', '--json'],
      settings,
    );
    const { key } = JSON.parse(made.output);
    const stack = await startStack({ env: settings });
    onTestFinished(async () => void (await stack.stop()));
    expect(stack.ready).toMatchObject({ https: `https://api.acme.org:${stack.portBase + 3}`, keys: null });
    const call = request({
      host: '127.0.0.1',
      port: stack.portBase + 3,
      path: '/v1/models',
      servername: 'api.acme.org',
      headers: { host: 'api.acme.org', 'x-api-key': key },
      ca: authority.certificate,
      agent: false,
    }).end();
    const [response] = await once(call, 'response');
    expect([response.statusCode, await textOf(response)]).toEqual([200, expect.stringContaining('digits')]);
    expect(stack.supervisor.output()).toContain('warning: inference.models_trust.require_signature');
  });
});
