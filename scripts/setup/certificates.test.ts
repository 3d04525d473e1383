import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { tempDir, writeText } from '@headgate/testkit/folders';
import { testContext } from '@headgate/testkit/step-context';
import { expect, it } from 'vitest';
import { makeInternalCertificates, makePublicCertificates } from './certificates.ts';
import { certificatesStep, expiresSoon } from './certificates-step.ts';
import { runSteps } from './runner.mjs';

const DAY_MS = 86_400_000;

const pem = (dir: string, name: string) => readFileSync(join(dir, name));

it('makes a leaf for the local names, signed by its own CA, with a key that only this user reads', async () => {
  const dir = tempDir();
  await makePublicCertificates(dir);
  const ca = new X509Certificate(pem(dir, 'ca.crt'));
  const leaf = new X509Certificate(pem(dir, 'tls.crt'));
  expect(leaf.verify(ca.publicKey)).toBe(true);
  expect(leaf.checkIssued(ca)).toBe(true);
  expect([ca.ca, leaf.ca]).toEqual([true, false]);
  expect(leaf.checkHost('localhost')).toBe('localhost');
  expect([leaf.checkIP('127.0.0.1'), leaf.checkIP('::1')]).toEqual(['127.0.0.1', '::1']);
  expect(leaf.checkHost('example.com')).toBeUndefined();
  expect(statSync(join(dir, 'tls.key')).mode & 0o777).toBe(0o600);
});

it('makes both sides of mutual TLS, which only know each other', async () => {
  const [dir, stranger] = [tempDir(), tempDir()];
  await Promise.all([makeInternalCertificates(dir), makeInternalCertificates(stranger)]);
  const server = createServer({
    key: pem(dir, 'tls.key'),
    cert: pem(dir, 'tls.crt'),
    ca: pem(dir, 'ca.crt'),
    requestCert: true,
    rejectUnauthorized: true,
  });
  server.on('secureConnection', (socket: TLSSocket) => socket.end('welcome'));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const greet = async (identity: string) => {
    const socket = connect({
      port: (server.address() as AddressInfo).port,
      servername: 'localhost',
      ca: pem(dir, 'ca.crt'),
      key: pem(identity, 'client.key'),
      cert: pem(identity, 'client.crt'),
    });
    return Buffer.concat(await socket.toArray()).toString();
  };
  expect(await greet(dir)).toBe('welcome');
  expect(await greet(stranger).catch(() => 'refused')).not.toBe('welcome');
  server.close();
});

it('asks for new ones when less than 30 days are left, or when one cannot be read', async () => {
  const dir = tempDir({ 'broken.crt': 'no certificate' });
  await makePublicCertificates(dir);
  const leaf = join(dir, 'tls.crt');
  const end = new X509Certificate(readFileSync(leaf)).validToDate.getTime();
  expect(expiresSoon(leaf, Date.now())).toBe(false);
  expect(expiresSoon(leaf, end - 31 * DAY_MS)).toBe(false);
  expect(expiresSoon(leaf, end - 29 * DAY_MS)).toBe(true);
  expect(expiresSoon(join(dir, 'broken.crt'), Date.now())).toBe(true);
  expect(expiresSoon(join(dir, 'absent.crt'), Date.now())).toBe(true);
});

it('is a step that renews what cannot be used any more', async () => {
  const root = tempDir();
  const context = testContext(root);
  expect(await runSteps([certificatesStep], context)).toEqual(['certificates']);
  expect(await runSteps([certificatesStep], context)).toEqual([]);
  const leaf = join(root, 'state/tls/internal/client.crt');
  const size = statSync(leaf).size;
  writeText(leaf, 'x'.repeat(size));
  expect(await runSteps([certificatesStep], context)).toEqual(['certificates']);
});
