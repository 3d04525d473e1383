import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HEADER } from '@headgate/contracts/names';
import { fetchOnce, httpsClient } from '@headgate/testkit/http';
import { samplePhoto } from '@headgate/testkit/photos';
import { postPhoto, postPhotos } from '@headgate/testkit/predict';
import { ROOT } from '@headgate/testkit/root';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { z } from 'zod';

const { ready } = inject('stack');
const client = httpsClient(ready);
afterAll(() => client.close());
const cat = samplePhoto('chelsea.png');

interface Content {
  readonly content?: Readonly<Record<string, { readonly schema?: object }>>;
}
interface Operation {
  readonly requestBody?: Content;
  readonly responses: Readonly<Record<string, Content & { readonly $ref?: string }>>;
}
interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components?: { readonly schemas?: object; readonly responses?: Readonly<Record<string, Content>> };
}

let text: string;
let document: Document;

beforeAll(async () => {
  text = (await fetchOnce(ready.openapi)).text;
  document = JSON.parse(text) as Document;
});

/** A checker made of the document alone: whatever it promises, and nothing else, is what an answer must be. */
function documentedSchema(path: string, status: string, type: string): z.ZodType {
  const answer = operation(path).responses[status];
  const shared = document.components?.responses?.[answer?.$ref?.split('/').at(-1) ?? ''];
  const schema = (shared ?? answer)?.content?.[type]?.schema;
  if (!schema) throw new Error(`the document has no schema for ${status} ${type} of ${path}`);
  const local = JSON.stringify({ ...schema, $defs: document.components?.schemas ?? {} });
  return z.fromJSONSchema(JSON.parse(local.replaceAll('#/components/schemas/', '#/$defs/')));
}

function operation(path: string): Operation {
  const found = document.paths[path]?.post;
  if (!found) throw new Error(`the document has no POST ${path}`);
  return found;
}

describe('The OpenAPI document that the gateway serves', () => {
  it('is valid OpenAPI 3.1', () => {
    expect(document.openapi).toMatch(/^3\.1\./);
    const dir = mkdtempSync(join(tmpdir(), 'headgate-e2e-openapi-'));
    const file = join(dir, 'openapi.json');
    writeFileSync(file, text);
    const lint = spawnSync(join(ROOT, 'node_modules/.bin/redocly'), ['lint', file, '--extends=spec'], {
      cwd: dir,
      encoding: 'utf8',
      timeout: 60_000,
      env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
    });
    rmSync(dir, { recursive: true });
    expect(lint.status, lint.stdout + lint.stderr).toBe(0);
  });

  it('documents the ways to send images, and a prediction sent like that is answered as documented', async () => {
    const types = Object.keys(operation('/predict').requestBody?.content ?? {});
    expect(types).toEqual(
      expect.arrayContaining(['image/jpeg', 'image/png', 'image/webp', 'multipart/form-data']),
    );
    const schema = documentedSchema('/predict', '200', 'application/json');
    for (const answer of [
      await postPhoto(client, cat, { key: ready.keys.bench }),
      await postPhotos(client, [cat, { ...cat, bytes: cat.bytes.subarray(0, 99) }], {
        key: ready.keys.bench,
      }),
    ]) {
      expect(answer.status).toBe(200);
      schema.parse(JSON.parse(answer.text));
    }
  });

  it('documents the problems, and a real one is answered as documented', async () => {
    const answer = await client.send({
      path: '/predict',
      headers: { [HEADER.apiKey]: ready.keys.bench, 'content-type': 'text/plain' },
      body: 'hello',
    });
    expect(answer.status).toBe(415);
    documentedSchema('/predict', '415', 'application/problem+json').parse(JSON.parse(answer.text));
    const promised = Object.keys(operation('/predict').responses);
    const statuses = ['200', '400', '401', '403', '408', '413', '415', '422', '429', '503', '504'];
    expect(promised).toEqual(expect.arrayContaining(statuses));
  });

  it('comes with a page for people', async () => {
    const page = await fetchOnce(new URL('/docs', ready.openapi).href);
    expect(page.status).toBe(200);
    expect(page.headers['content-type']).toMatch(/^text\/html/);
  });
});
