/** `npm run check`: every check of the code that does not run the service. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { configurationItems } from './check/configuration.ts';
import { consoleSizeItem } from './check/console-size.ts';
import { dockerfilesItem } from './check/dockerfiles.ts';
import { generatedItem } from './check/generated.ts';
import { formatResults, runChecks } from './check/item.ts';
import { layersItem } from './check/layers.ts';
import { licenceItem } from './check/licences.ts';
import { lockFileItems } from './check/lock-file.ts';
import { repositoryItems } from './check/repository.ts';
import { secretScanItem } from './check/secret-scan.ts';
import { sourceRulesItem } from './check/source-rules.ts';
import { toolItems } from './check/tools.ts';
import { vulnerabilityItem } from './check/vulnerabilities.ts';
import { ROOT } from './setup/bootstrap.mjs';
import { createGuard } from './setup/guard.mjs';
import { stopRequests } from './setup/lifecycle.mjs';

/** Most items wait for one child process. */
const CONCURRENCY = 3;

const { values } = parseArgs({ options: { json: { type: 'string' } } });
const { stop } = stopRequests();
const guard = createGuard();
const items = [
  ...toolItems,
  generatedItem,
  ...configurationItems,
  ...repositoryItems,
  ...lockFileItems,
  layersItem,
  consoleSizeItem,
  licenceItem,
  sourceRulesItem,
  dockerfilesItem,
  secretScanItem,
  vulnerabilityItem,
];
const ci = process.env.CI === 'true';
const results = await runChecks(items, { root: ROOT, guard, signal: stop, ci }, CONCURRENCY);
for (const { name, problems } of results) {
  if (problems.length > 0) console.log(`${name}:\n${problems.map((line) => `  ${line}`).join('\n')}\n`);
}
console.log(formatResults(results));
if (values.json !== undefined) {
  mkdirSync(dirname(values.json), { recursive: true });
  writeFileSync(values.json, JSON.stringify(results));
}
await guard.close();
process.exit(results.every(({ problems }) => problems.length === 0) ? 0 : 1);
