/**
 * Clients written for other servers, unmodified, against a running Headgate. docs/clients.md says what each does; their
 * Python environments are made once per machine, outside of the checkout. Options: see `runAll`.
 */
import { NO_SECRET } from '@headgate/testkit/config';
import { writeModels } from './harness/models.ts';
import { runAll } from './harness/run-all.ts';
import { CLIENT_SUITES } from './harness/suites.ts';

await runAll(CLIENT_SUITES, (dir) => {
  const { modelsDir, routingFile } = writeModels(dir);
  return {
    modelsDir,
    stack: {
      env: {
        // Some of these clients cannot send a header of ours, nor a client certificate.
        ...NO_SECRET,
        HEADGATE_ROUTING_FILE: routingFile,
        HEADGATE_INFERENCE__MODELS_DIR: modelsDir,
        HEADGATE_INFERENCE__MODEL_CONTROL: 'explicit',
        HEADGATE_INFERENCE__EXECUTION__INSTANCES: '1',
        // However many cores there are, the run of `patient` takes its time.
        HEADGATE_INFERENCE__EXECUTION__INTRA_OP_THREADS: '1',
      },
    },
  };
});
