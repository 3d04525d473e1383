import { Metadata } from '@grpc/grpc-js';
import { METADATA } from '@headgate/contracts/names';
import { expect, it } from 'vitest';
import { callerOf } from './auditor.ts';

const HASH = `Hash=${'a'.repeat(64)}`;

it.each([
  ['its subject', `${HASH};Subject="CN=billing,O=Example"`, 'CN=billing,O=Example'],
  [
    'its DNS name before its subject',
    `${HASH};Subject="CN=billing";DNS=billing.internal;DNS=other`,
    'billing.internal',
  ],
  [
    'its URI before both',
    `${HASH};Subject="CN=b";URI=spiffe://example/billing;DNS=b`,
    'spiffe://example/billing',
  ],
  ['a quoted name with what would end it', `Subject="CN=a\\";DNS=admin"`, 'CN=a";DNS=admin'],
  ['its digest where there is no name', `${HASH};Subject="";URI=`, 'a'.repeat(64)],
])('takes %s', (_, header, name) => {
  const metadata = new Metadata();
  metadata.set(METADATA.clientCertificate, header);
  expect(callerOf(metadata)).toBe(name);
});

it('knows nobody without a certificate', () => {
  expect(callerOf(new Metadata())).toBeUndefined();
});
