import { AdminError } from '../api/api-env.ts';

export const changedMeanwhile = () =>
  new AdminError('conflict', 'The routing table has changed since it was read. Read it again.');
