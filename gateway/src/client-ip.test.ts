import type { IncomingMessage } from 'node:http';
import { HEADER } from '@headgate/contracts/names';
import type { InternalSecret } from '@headgate/runtime/internal-secret';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { clientIpOf } from './client-ip.ts';

const SECRET: InternalSecret = { header: {}, accepts: (shown) => shown === 'right' };
const CLAIM = '203.0.113.9';
const warn = vi.fn();

function clientIp(
  peer: string,
  headers: Record<string, string | undefined>,
  secret?: InternalSecret,
): string {
  const incoming = { socket: { remoteAddress: peer }, headers } as unknown as IncomingMessage;
  return clientIpOf({ secret, logger: { warn } })(new Request('http://x/'), { incoming });
}

beforeEach(() => warn.mockClear());

describe('clientIpOf', () => {
  it.each([
    ['Envoy', '10.0.0.7', CLAIM, CLAIM],
    ['Envoy, wherever it runs', '203.0.113.1', CLAIM, CLAIM],
    ['what is nearest, after what a client wrote', '127.0.0.1', `1.2.3.4,${CLAIM}`, CLAIM],
    ['IPv6', '::1', '2001:db8::7', '2001:db8::7'],
    ['IPv4 on a dual-stack socket', '::ffff:127.0.0.1', `::ffff:${CLAIM}`, CLAIM],
    ['the socket where there is no header', '127.0.0.1', undefined, '127.0.0.1'],
    ['the socket where the header is empty', '127.0.0.1', '', '127.0.0.1'],
    ['the socket where the header holds no address', '127.0.0.1', `${CLAIM}, unknown`, '127.0.0.1'],
    ['a socket that is gone', '', undefined, ''],
  ])('believes %s', (_, peer, forwarded, client) => {
    const headers = { [HEADER.forwardedFor]: forwarded, [HEADER.internalSecret]: 'right' };
    expect(clientIp(peer, headers, SECRET)).toBe(client);
    expect(clientIp(peer, { [HEADER.forwardedFor]: forwarded })).toBe(client);
  });

  it.each(['127.0.0.1', '10.0.0.7', '::1', '::ffff:10.0.0.7'])(
    'does not believe %s without the secret',
    (peer) => {
      for (const shown of [undefined, '', 'wrong', 'right, right']) {
        const headers = { [HEADER.forwardedFor]: CLAIM, [HEADER.internalSecret]: shown };
        expect(clientIp(peer, headers, SECRET)).toBe(peer.replace('::ffff:', ''));
      }
    },
  );

  it('says once that an Envoy shows another secret, and nothing of callers without one', () => {
    const ask = clientIpOf({ secret: SECRET, logger: { warn } });
    const request = (shown?: string) => {
      const headers = { [HEADER.forwardedFor]: CLAIM, [HEADER.internalSecret]: shown };
      const incoming = { socket: { remoteAddress: '::1' }, headers } as unknown as IncomingMessage;
      return ask(new Request('http://x/'), { incoming });
    };
    request();
    expect(warn).not.toHaveBeenCalled();
    for (const shown of ['-', 'wrong', 'right', '-']) request(shown);
    expect(warn.mock.calls).toEqual([[expect.stringContaining('ENVOY_INTERNAL_SECRET')]]);
  });

  it('reads a long header once', () => {
    const headers = { [HEADER.forwardedFor]: `${'10.0.0.1, '.repeat(5000)}${CLAIM}` };
    expect(clientIp('127.0.0.1', headers)).toBe(CLAIM);
  });
});
