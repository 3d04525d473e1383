import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { configSchema } from '@headgate/contracts/config/schema';
import { manifestSchema } from '@headgate/contracts/manifest';
import { routingSchema } from '@headgate/contracts/routing';
import { z } from 'zod';

/** Folders that `generateContracts` owns, relative to the checkout. They hold no hand-written file. */
export const GENERATED = ['contracts/src/gen/grpc', 'contracts/schema'] as const;

const PROTOS = ['inference/grpc_service.proto', 'grpc/health/v1/health.proto'];

/** The options of runtime/src/proto.ts, as the command line names them. */
const LOADER_OPTIONS = ['--keepCase', '--longs=Number', '--enums=String', '--defaults', '--oneofs'];

const SCHEMAS = { manifest: manifestSchema, routing: routingSchema, config: configSchema };

const TIMEOUT_MS = 60_000;

/**
 * Writes the types of the gRPC contract and the JSON Schemas for editors.
 *
 * @param root the checkout
 * @param out folder that gets the paths of `GENERATED`; the checkout itself, or a temporary one to compare with
 */
export async function generateContracts(root: string, out: string): Promise<void> {
  const [types, schemas] = GENERATED;
  const args = [
    ...LOADER_OPTIONS,
    '--includeComments',
    '--grpcLib=@grpc/grpc-js',
    '--importFileExtension=.ts',
    '--includeDirs=protos',
    `--outDir=${join(out, types)}`,
    ...PROTOS,
  ];
  const command = join(root, 'node_modules/.bin/proto-loader-gen-types');
  await promisify(execFile)(command, args, { cwd: root, timeout: TIMEOUT_MS });
  mkdirSync(join(out, schemas), { recursive: true });
  for (const [name, schema] of Object.entries(SCHEMAS)) {
    const json = z.toJSONSchema(schema, { io: 'input' });
    // A layer of the configuration names only the keys that it changes.
    const text = JSON.stringify(json, name === 'config' ? withoutRequired : undefined, 2);
    writeFileSync(join(out, schemas, `${name}.schema.json`), `${text}\n`);
  }
}

/** Replacer for JSON.stringify: makes every property optional. */
function withoutRequired(key: string, value: unknown): unknown {
  return key === 'required' && Array.isArray(value) ? undefined : value;
}
