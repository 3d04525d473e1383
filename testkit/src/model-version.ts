import type { ModelVersionView } from '@headgate/contracts/admin/api';

/** A complete version that nothing loads. */
export const modelVersion = (changes: Partial<ModelVersionView> = {}): ModelVersionView => ({
  version: '1',
  created_at_ms: Date.parse('2029-12-30T00:00:00Z'),
  complete: true,
  content_differs: false,
  aliases: [],
  stage: 'None',
  rejected: null,
  metrics: {},
  data_version: null,
  run_id: null,
  role: null,
  ready_pods: 0,
  pods: 0,
  problem: null,
  approved_by: null,
  rollout: null,
  ...changes,
});
