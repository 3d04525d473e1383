import { AdminError } from '../api/api-env.ts';

export const changedMeanwhile = () =>
  new AdminError('conflict', 'The routing table changed after you read it. Read it again.');
