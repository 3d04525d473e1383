import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { API_BASE } from '@headgate/contracts/admin/api';
import { HEADER } from '@headgate/contracts/names';
import { httpClient } from '@headgate/testkit/http';
import { ROOT } from '@headgate/testkit/root';
import { writeRouting } from '@headgate/testkit/routing';
import { type OwnedStack, startStack } from '@headgate/testkit/stack';
import { startMlflow, type TestMlflow } from '../harness/mlflow.ts';

export const MODEL = 'digits';

/** MLflow, and the stack that serves the committed digits model as version 1. */
export interface Services {
  readonly mlflow: TestMlflow;
  readonly stack: OwnedStack;
  /** Model repository of the stack. */
  readonly modelsDir: string;
  /** The admin API. @throws Error when the answer is no success */
  ask<T>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<T>;
  /** @returns pids that did not end by themselves */
  stop(): Promise<number[]>;
}

export async function startServices(dir: string): Promise<Services> {
  const modelsDir = join(dir, 'models');
  mkdirSync(dir, { recursive: true });
  cpSync(join(ROOT, 'models', MODEL), join(modelsDir, MODEL), { recursive: true });
  const routing = join(dir, 'routing.yaml');
  const experiment = { name: 'none', salt: 'none', variants: [{ name: 'v1', version: '1', weight: 100 }] };
  writeRouting(routing, {
    schema: 1,
    default_model: MODEL,
    models: { [MODEL]: { versions: ['1'], experiment } },
  });
  const mlflow = await startMlflow();
  try {
    const stack = await startStack({
      env: {
        HEADGATE_ROUTING_FILE: routing,
        HEADGATE_INFERENCE__MODELS_DIR: modelsDir,
        HEADGATE_REGISTRY__URL: mlflow.url,
        HEADGATE_REGISTRY__POLL_MS: '1000',
        HEADGATE_REGISTRY__CACHE_DIR: join(dir, 'models-cache'),
        HEADGATE_AUDIT__DIR: join(dir, 'audit'),
        HEADGATE_AUDIT__HEADS_FILE: join(dir, 'heads.jsonl'),
      },
    });
    const admin = httpClient(`http://127.0.0.1:${stack.portBase + 7}`);
    return {
      mlflow,
      stack,
      modelsDir,
      async ask<T>(method: 'GET' | 'POST', path: string, body?: unknown) {
        const headers = { [HEADER.apiKey]: stack.ready.keys.admin, 'content-type': 'application/json' };
        const text = body === undefined ? {} : { body: JSON.stringify(body) };
        const answer = await admin.send({ method, path: `${API_BASE}${path}`, headers, ...text });
        if (answer.status < 300) return JSON.parse(answer.text) as T;
        throw new Error(`${method} ${path} was answered by ${answer.status}: ${answer.text}`);
      },
      async stop() {
        await admin.close();
        const left = await stack.stop();
        await mlflow.close();
        return left;
      },
    };
  } catch (error) {
    await mlflow.close();
    throw error;
  }
}
