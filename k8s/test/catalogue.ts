import type { Scenario } from './scenario.ts';
import { acme } from './scenarios/acme.ts';
import { autoscaling } from './scenarios/autoscaling.ts';
import { certificateReplaced } from './scenarios/certificate.ts';
import { chartAccepted } from './scenarios/chart-accepted.ts';
import { dependencies } from './scenarios/dependencies.ts';
import { canary, deployAgain, deployBroken, deployFresh } from './scenarios/deploy.ts';
import {
  deployInterrupted,
  deployQuota,
  deployRefusals,
  deployWithoutTable,
} from './scenarios/deploy-refusals.ts';
import { drainNode } from './scenarios/drain.ts';
import { experiment } from './scenarios/experiment.ts';
import { externalMetric } from './scenarios/external-metric.ts';
import { helmRules } from './scenarios/helm-rules.ts';
import { images } from './scenarios/images.ts';
import { keysReplaced } from './scenarios/keys.ts';
import { inferenceHangs, podKilled, processKilled, withoutSecondAttempt } from './scenarios/killed.ts';
import { leader } from './scenarios/leader.ts';
import { lifecycle } from './scenarios/lifecycle.ts';
import { network } from './scenarios/network.ts';
import { nodeStopped } from './scenarios/node-stopped.ts';
import { prediction } from './scenarios/prediction.ts';
import { rbac } from './scenarios/rbac.ts';
import { restricted } from './scenarios/restricted.ts';
import { rollingEnvoy, rollingGateway, rollingInference, twoGateways } from './scenarios/rolling.ts';
import { rollout } from './scenarios/rollout.ts';
import { routingTable, routingWithoutApi } from './scenarios/routing.ts';
import { scaleInference } from './scenarios/scale.ts';
import { sealedSecret, secretAtRest } from './scenarios/secrets.ts';
import { serverless } from './scenarios/serverless.ts';

/** All scenarios, in the order of a run: those that only look come first, those that break nodes last. */
export const SCENARIOS: readonly Scenario[] = [
  prediction,
  chartAccepted,
  rbac,
  restricted,
  network,
  images,
  deployAgain,
  deployFresh,
  secretAtRest,
  sealedSecret,
  routingTable,
  rollingGateway,
  rollingInference,
  rollingEnvoy,
  certificateReplaced,
  keysReplaced,
  acme,
  deployRefusals,
  deployWithoutTable,
  deployQuota,
  deployInterrupted,
  deployBroken,
  canary,
  helmRules,
  twoGateways,
  scaleInference,
  ...podKilled,
  ...processKilled,
  inferenceHangs,
  withoutSecondAttempt,
  leader,
  experiment,
  rollout,
  lifecycle,
  dependencies,
  externalMetric,
  serverless,
  routingWithoutApi,
  drainNode,
  nodeStopped,
  autoscaling,
];
