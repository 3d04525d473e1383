import { expect, it } from 'vitest';
import { sharedReport } from './shared-report.ts';

it('A dependency of several parts is in the state of the part that is worst off', () => {
  const heard: string[] = [];
  const reportOf = sharedReport('jwks', {
    breakerChanged: (dependency, state) => heard.push(`${dependency} ${state}`),
    retry: (_, outcome) => heard.push(outcome),
  });
  const [one, other] = [reportOf(), reportOf()];
  one.breakerChanged('jwks', 'open');
  other.breakerChanged('jwks', 'open');
  one.breakerChanged('jwks', 'half_open');
  one.breakerChanged('jwks', 'closed');
  expect(heard).toEqual(['jwks open']);
  other.breakerChanged('jwks', 'half_open');
  other.breakerChanged('jwks', 'closed');
  one.retry('jwks', 'sent');
  expect(heard).toEqual(['jwks open', 'jwks half_open', 'jwks closed', 'sent']);
});
