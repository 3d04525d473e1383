import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ipSubject } from './subject.ts';

describe('what an address counts as', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::1', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002::', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['unknown', 'unknown'],
  ])('%s is counted as %s', (address, subject) => {
    expect(ipSubject(address)).toBe(subject);
  });

  it('is the same for every host of a /64 network, and differs between networks', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 }), (groups) => {
        const full = groups.map((group) => group.toString(16)).join(':');
        const sibling = [...groups.slice(0, 4), 1, 2, 3, 4].map((group) => group.toString(16)).join(':');
        const stranger = [(groups[0] as number) ^ 1, ...groups.slice(1)].map((g) => g.toString(16)).join(':');
        expect(ipSubject(full)).toBe(ipSubject(sibling));
        expect(ipSubject(full)).not.toBe(ipSubject(stranger));
      }),
    );
  });

  it('is bounded, whatever a host passes', () => {
    fc.assert(fc.property(fc.string({ maxLength: 2000 }), (text) => ipSubject(text).length <= 64));
  });
});
