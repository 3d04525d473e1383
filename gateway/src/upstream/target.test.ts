import { describe, expect, it } from 'vitest';
import { grpcTarget, parseTarget, resolveTarget } from './target.ts';

describe('parseTarget', () => {
  it.each([
    ['', '127.0.0.1:8444'],
    ['10.0.0.7:9000', '10.0.0.7:9000'],
    ['[::1]:9000', '[::1]:9000'],
    ['inference:9000', 'dns:///inference:9000'],
    ['dns:///inference.ns.svc:9000', 'dns:///inference.ns.svc:9000'],
  ])('reads %j', (text, target) => {
    expect(grpcTarget(parseTarget(text, 8440))).toBe(target);
  });

  it.each(['inference', 'inference:', ':9000', 'a:0', 'a:65536', 'xds:///a:1', 'a:1,b:2', '::1:9000'])(
    'refuses %j with the path of the setting',
    (text) => {
      expect(() => parseTarget(text, 8440)).toThrow(/^gateway\.upstream\.target: expected host:port/);
    },
  );
});

describe('resolveTarget', () => {
  it('answers an address as it is, and a name with every address behind it', async () => {
    expect(await resolveTarget({ host: '10.0.0.7', port: 1 })).toEqual(['10.0.0.7:1']);
    expect(await resolveTarget({ host: 'localhost', port: 1 })).toContain('127.0.0.1:1');
  });

  it('rejects for a name that does not exist', async () => {
    await expect(resolveTarget({ host: 'no-such-host.invalid', port: 1 })).rejects.toThrow();
  });
});
