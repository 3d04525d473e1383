import { rawConnection } from '@headgate/testkit/raw';
import { afterEach, expect, it } from 'vitest';
import type { HttpServer } from './server.ts';
import { fixture, KEYS } from './testing/app-fixture.ts';
import { pngHeader } from './testing/images.ts';
import { serveApp } from './testing/serve-app.ts';

let server: HttpServer | undefined;
afterEach(() => server?.drain(0));

const image = pngHeader(8, 8);

/** A server may ignore an offered upgrade (RFC 9110, 7.8); Envoy takes it away, but may not be in front. */
it.each(['TLS/1.2', 'TLS/1.2, HTTP/2.0', 'h2c', 'websocket', 'foo/9'])(
  'a gateway that is reached directly answers as without "Upgrade: %s"',
  async (upgrade) => {
    server = await serveApp(await fixture());
    await using socket = await rawConnection(server.port);
    const common = `Host: localhost\r\nX-Api-Key: ${KEYS.bench}\r\nConnection: Upgrade\r\nUpgrade: ${upgrade}\r\n`;
    for (const [method, path] of [
      ['GET', '/v1/models'],
      ['HEAD', '/v1/models'],
    ]) {
      await socket.write(`${method} ${path} HTTP/1.1\r\n${common}\r\n`);
      expect(await socket.answer()).toMatchObject({ status: 200 });
    }
    const body = `Content-Type: image/png\r\nContent-Length: ${image.length}\r\n`;
    await socket.write(`POST /predict HTTP/1.1\r\n${common}${body}\r\n`);
    await socket.write(image);
    expect(await socket.answer()).toMatchObject({ status: 200 });
  },
);
