import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { tempDir } from '@headgate/testkit/folders';
import { describe, expect, it } from 'vitest';
import { adminApp, serve } from '../testing/admin-app.ts';

describe('the files of the console', () => {
  function built() {
    const root = tempDir({ 'secret.txt': 'SECRET' });
    const consoleDir = join(root, 'dist');
    mkdirSync(join(consoleDir, 'fonts'), { recursive: true });
    const files = {
      'index.html': '<!doctype html>',
      'main-7XKQ2PLM.js': 'js',
      'fonts/a.woff2': 'font',
      'x.bin': '',
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(consoleDir, name), text);
    symlinkSync(join(root, 'secret.txt'), join(consoleDir, 'link.txt'));
    return adminApp({ consoleDir });
  }

  it.each([
    '/console/../secret.txt',
    '/console/..%2fsecret.txt',
    '/console/%2e%2e/secret.txt',
    '/console/%2e%2e%2fsecret.txt',
    '/console/fonts/../../secret.txt',
    '/console/..\\secret.txt',
    '/console/..%5csecret.txt',
    '/console//secret.txt',
    '/console/./../secret.txt',
    '/console/link.txt',
    '/console/secret.txt%00.js',
    '/secret.txt',
  ])('hold nothing else: %s', async (path) => {
    const { port } = await serve(built());
    // A client would resolve the dots.
    const socket = connect(port, '127.0.0.1');
    socket.end(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    const answer = (await socket.toArray()).join('');
    expect(answer).toMatch(/^HTTP\/1\.1 (400|404) /);
    expect(answer).not.toContain('SECRET');
  });

  it('run nothing from elsewhere, and are kept only by the name of their content', async () => {
    const { send } = built();
    const page = await send('GET', '/console/');
    expect(page.headers.get('content-security-policy')).toMatch(
      /default-src 'self';.*frame-ancestors 'none'/,
    );
    expect(page.headers.get('content-security-policy')).not.toContain('unsafe');
    expect(page.headers.get('cache-control')).toBe('no-store');
    expect(await (await send('GET', '/console/rollouts/0199')).text()).toBe('<!doctype html>');
    const script = await send('GET', '/console/main-7XKQ2PLM.js');
    expect(script.headers.get('cache-control')).toContain('immutable');
    expect(script.headers.get('content-type')).toContain('text/javascript');
    expect((await send('GET', '/console/x.bin')).headers.get('content-type')).toBe(
      'application/octet-stream',
    );
    expect((await send('POST', '/console/')).status).toBe(404);
  });

  it('are missing before a build, which the page says', async () => {
    const answer = await adminApp().send('GET', '/console/');
    expect([answer.status, await answer.text()]).toEqual([503, expect.stringContaining('npm run build')]);
  });
});
