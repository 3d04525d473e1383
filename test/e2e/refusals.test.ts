import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Reason } from '@headgate/contracts/errors';
import { HEADER } from '@headgate/contracts/names';
import { within } from '@headgate/testkit/eventually';
import { samplePhoto } from '@headgate/testkit/photos';
import { ROOT } from '@headgate/testkit/root';
import { describe, expect, inject, it } from 'vitest';

const { ready } = inject('stack');
const https = ready.https as string;
const ca = ready.caFile as string;
const hasCurl = spawnSync('curl', ['--version']).status === 0;
const REPEATS = 20;

/** Guesses of a credential are counted by address: each call comes from another one, all of which are ours. */
let calls = 0;
const nextAddress = () => {
  calls += 1;
  return `127.0.7.${calls}`;
};

function curl(photo: string, headers: readonly string[]) {
  const run = spawnSync(
    'curl',
    [
      ...['--silent', '--show-error', '--max-time', '20', '--cacert', ca, '--interface', nextAddress()],
      ...['--http2', '--data-binary', `@${join(ROOT, 'samples', photo)}`],
      ...['content-type: image/png', ...headers].flatMap((header) => ['--header', header]),
      ...['--write-out', '\n%{http_version} %{http_code}', `${https}/predict`],
    ],
    { encoding: 'utf8' },
  );
  const [body = '', line] = run.stdout.split('\n');
  return { exit: run.status, stderr: run.stderr, line, reason: body && JSON.parse(body).reason };
}

describe('A refusal over HTTP/2 while a photo is on its way', () => {
  const wrongKey = `${HEADER.apiKey}: hg_nobody_${'x'.repeat(43)}`;
  const cases: readonly [string, string[], number, Reason][] = [
    ['without a key', [], 401, 'missing_credential'],
    ['with a wrong key', [wrongKey], 403, 'wrong_key'],
    ['that waits for 100 Continue', ['expect: 100-continue'], 401, 'missing_credential'],
  ];

  for (const photo of ['rocket.jpg', 'motorcycle.png']) {
    it.skipIf(!hasCurl).each(cases)(
      `reaches each curl %s that sends ${photo}`,
      (_, headers, status, reason) => {
        const answers = Array.from({ length: REPEATS }, () => curl(photo, headers));
        expect(answers).toEqual(answers.map(() => ({ exit: 0, stderr: '', line: `2 ${status}`, reason })));
      },
    );
  }

  it("ends the stream of Node's client, again and again on one connection", async () => {
    const { bytes } = samplePhoto('motorcycle.png');
    const session = connectHttp2(https, { ca: readFileSync(ca) });
    for (let i = 0; i < REPEATS; i++) {
      const stream = session.request({ ':method': 'POST', ':path': '/predict', 'content-type': 'image/png' });
      const closed = once(stream, 'close');
      stream.end(bytes);
      const [headers] = await within(once(stream, 'response'), { what: 'an answer', withinMs: 10_000 });
      expect(headers[':status']).toBe(401);
      expect(JSON.parse(await text(stream)).reason).toBe('missing_credential');
      await within(closed, { what: 'the end of the stream', withinMs: 10_000 });
    }
    session.destroy();
  });
});
