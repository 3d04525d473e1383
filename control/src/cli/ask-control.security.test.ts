import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readInternalSecret } from '@headgate/runtime/internal-secret';
import { testConfig } from '@headgate/testkit/config';
import { tempDir } from '@headgate/testkit/folders';
import { Registry } from 'prom-client';
import { expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { createInternalServer } from '../internal-server.ts';
import { askControl } from './ask-control.ts';

const answer = z.strictObject({ images: z.array(z.unknown()) });
const body = { from_ms: 0, to_ms: 1, after: null, limit: 1 };

/** Asks the server with the secret in `file`, or with none. */
async function ask(server: ReturnType<typeof createServer>, root: string, file: string) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const config = testConfig({
    HEADGATE_RECORDS__CONTROL_TARGET: `127.0.0.1:${port}`,
    HEADGATE_LISTEN__INTERNAL_SECRET_FILE: file,
  });
  const question = { path: '/internal/judged', answer, withinMs: 5000, body } as const;
  return askControl(question, { root, config }, { fetch });
}

const machine = () => tempDir({ control: 'a1'.repeat(32), other: 'b2'.repeat(32) });

function control(root: string) {
  return createInternalServer({
    sink: { deliver: async () => undefined },
    judged: async () => [],
    registry: new Registry(),
    secret: readInternalSecret({ internal_secret_file: 'control' }, root),
    logger: { error: () => undefined },
  });
}

it('shows the secret of this machine', async () => {
  const root = machine();
  expect(await ask(control(root), root, 'control')).toEqual({ images: [] });
});

it.each(['', 'other'])('says what is wrong where control reads another one: %j', async (file) => {
  const root = machine();
  await expect(ask(control(root), root, file)).rejects.toThrow(/does not accept the internal secret/);
});

it('takes the secret to no other place, where control sends it there', async () => {
  const seen: unknown[] = [];
  const elsewhere = createServer((request, response) => {
    seen.push(request.headers);
    response.end('{}');
  });
  elsewhere.listen(0, '127.0.0.1');
  await once(elsewhere, 'listening');
  onTestFinished(() => void elsewhere.close());
  const location = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/`;
  const liar = createServer((_, response) => response.writeHead(307, { location }).end());
  await expect(ask(liar, machine(), 'control')).rejects.toThrow(/does not answer/);
  expect(seen).toEqual([]);
});
