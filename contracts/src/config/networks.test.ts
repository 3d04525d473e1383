import { expect, it } from 'vitest';
import { cidr, isInternalUrl, PRIVATE_NETWORKS, problemOfInternalHost } from './networks.ts';

it.each(['127.0.0.1', '127.9.9.9', '::1', '0:0:0:0:0:0:0:1', '10.1.2.3', '172.31.0.1', '192.168.7.7'])(
  'lets ports without TLS listen at %s',
  (address) => expect(problemOfInternalHost(address, PRIVATE_NETWORKS)).toBeUndefined(),
);

it.each(['100.64.0.1', '169.254.1.1', 'fd12::1', 'fe80::1', '::ffff:10.0.0.1'])(
  'lets them listen at %s too',
  (address) => expect(problemOfInternalHost(address, PRIVATE_NETWORKS)).toBeUndefined(),
);

it.each(['0.0.0.0', '::', '0:0:0:0:0:0:0:0', '::0.0.0.0', '0::0'])(
  'refuses %s, and says which one to take',
  (address) => {
    expect(problemOfInternalHost(address, PRIVATE_NETWORKS)).toMatch(
      /^expected a single address.*status\.podIP/,
    );
    expect(problemOfInternalHost(address, ['0.0.0.0/0', '::/0'])).toMatch(/^expected a single address/);
  },
);

it.each([
  '203.0.113.9',
  '8.8.8.8',
  '172.32.0.1',
  '100.128.0.1',
  '2001:db8::1',
  '::ffff:8.8.8.8',
  '64:ff9b::1',
])('refuses the public address %s', (address) => {
  expect(problemOfInternalHost(address, PRIVATE_NETWORKS)).toMatch(
    /^expected a loopback address or one inside/,
  );
});

it.each(['localhost', '', '0', '10.1', 'example.com', '127.0.0.1:80'])(
  'refuses %j: no address',
  (address) => {
    expect(problemOfInternalHost(address, PRIVATE_NETWORKS)).toBe('expected an IP address');
  },
);

it.each([
  '10.0.0.0',
  '10.0.0.0/33',
  '::/129',
  'localhost/8',
  '10.0.0.0/',
  '10.0.0.0/-1',
  '/8',
  '10.0.0.0/8/8',
])('refuses %j as a block', (block) => expect(cidr.safeParse(block).success).toBe(false));

it('lets them listen in a public network that is named', () => {
  expect(problemOfInternalHost('203.0.113.9', ['203.0.113.0/24'])).toBeUndefined();
  expect(problemOfInternalHost('10.0.0.1', ['203.0.113.0/24'])).toMatch(/^expected a loopback address/);
});

it.each([
  'http://10.0.0.7:5000',
  'http://[fd12::1]:5000',
  'http://mlflow:5000',
  'http://mlflow.headgate.svc:5000/base',
  'http://mlflow.headgate.svc.cluster.local',
])('takes %s for an address of the internal network', (url) => {
  expect(isInternalUrl(url, PRIVATE_NETWORKS)).toBe(true);
});

it.each([
  'http://8.8.8.8:5000',
  'http://mlflow.example.com',
  'http://mlflow.svc',
  'http://a.b.svc.example.com',
  'http://user:password@mlflow:5000',
  'ftp://mlflow',
  'mlflow:5000',
])('takes %s for none', (url) => expect(isInternalUrl(url, PRIVATE_NETWORKS)).toBe(false));
