/**
 * Scanners that others wrote, against a running Headgate: its TLS as sslyze sees it, its HTTP surface as schemathesis
 * tries it from the OpenAPI document. E2E_FULL=1 tries many more requests. docs/security.md says what each of them
 * shows. Options: see `runAll`.
 */
import { runAll } from '../clients/harness/run-all.ts';
import { pythonProblem } from '../clients/harness/suitable.ts';

/** 200 requests for each operation take some ten minutes on a machine that does other things too. */
const FULL_MS = 40 * 60_000;

await runAll([
  { home: 'test/security', name: 'tls', environment: 'sslyze' },
  {
    home: 'test/security',
    name: 'openapi',
    environment: 'schemathesis',
    ...(process.env.E2E_FULL !== undefined && { timeoutMs: FULL_MS }),
    problem: (python) => pythonProblem(python, 'schemathesis 4.32.5', { from: 11 }),
  },
]);
