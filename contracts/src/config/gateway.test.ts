import { testConfig } from '@headgate/testkit/config';
import { expect, it } from 'vitest';

const withOrigins = (...origins: string[]) =>
  testConfig({ HEADGATE_GATEWAY__CORS__ORIGINS: JSON.stringify(origins) }).gateway.cors.origins;

it('allows no origin by default', () => {
  expect(testConfig({}).gateway.cors).toEqual({ origins: [], max_age_s: 600 });
});

it.each([['https://app.example.com'], ['http://localhost:5173'], ['http://[::1]:8080'], ['https://xn--bcher-kva.example'], ['*']])(
  'takes the origin %s',
  (origin) => {
    expect(withOrigins(origin)).toEqual([origin]);
  },
); // biome-ignore format: one list

it.each([
  ['a path', 'https://app.example.com/'],
  ['a port that browsers leave out', 'https://app.example.com:443'],
  ['capitals, which browsers never send', 'https://App.example.com'],
  ['no scheme', 'app.example.com'],
  ['another scheme', 'file://app'],
  ['the origin of files', 'null'],
  ['a pattern', 'https://*.example.com'],
  ['a quote', "https://a'b.example"],
  ['nothing', ''],
])('refuses %s', (_, origin) => {
  expect(() => withOrigins(origin)).toThrow(/gateway\.cors\.origins.*expected an origin such as https/s);
});

it('refuses * beside others, which it makes meaningless', () => {
  expect(() => withOrigins('*', 'https://app.example.com')).toThrow(/expected \* alone/);
});
