/** `npm run config -- --env production`: every setting with its value and meaning, as YAML; secrets replaced. */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { configSchema } from '@headgate/contracts/config/schema';
import { inner } from '@headgate/contracts/config/values';
import { ConfigError, loadConfig, redact } from '@headgate/runtime/load-config';
import { Document, isMap, isScalar } from 'yaml';
import { z } from 'zod';

const VARIABLES = ` HEADGATE_GATEWAY__DEADLINE__MAX_MS=20000 sets gateway.deadline.max_ms. Texts are taken as they are; numbers are digits,
 booleans true or false; lists, quotas and records are JSON: HEADGATE_ENVOY__SERVER_NAMES='["a.org", "b.org"]'.`;

/** Puts the meaning of each setting above it. */
function annotate(node: unknown, schema: z.ZodType): void {
  const type = inner(schema);
  if (!isMap(node) || !(type instanceof z.ZodObject)) return;
  for (const { key, value } of node.items) {
    if (!isScalar(key)) continue;
    const setting: z.ZodType = type.shape[String(key.value)];
    if (setting.description) key.commentBefore = ` ${setting.description}`;
    annotate(value, setting);
  }
}

const { env } = process;
const { values } = parseArgs({ options: { env: { type: 'string', default: env.HEADGATE_ENV ?? 'dev' } } });
const dir = env.HEADGATE_CONFIG_DIR ?? fileURLToPath(new URL('../config', import.meta.url));
try {
  const document = new Document(redact(loadConfig({ dir, environment: values.env, env })));
  document.commentBefore = VARIABLES;
  annotate(document.contents, configSchema);
  process.stdout.write(document.toString());
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
