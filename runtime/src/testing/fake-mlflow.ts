import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface FakeVersion {
  readonly tags: Map<string, string>;
  /** Path below the folder of the version → content. */
  readonly files: Map<string, Buffer>;
}

/** The part of MLflow's HTTP interface that Headgate calls, in memory. It forgets nothing and can misbehave. */
export interface FakeMlflow {
  readonly url: string;
  /** `model/version` → what is registered. The run of a version has this name too. */
  readonly versions: Map<string, FakeVersion>;
  /** Path and query of each request. */
  readonly asked: string[];
  readonly headers: IncomingMessage['headers'][];
  /** Takes a request before the others do. @returns true when it has answered, or never will */
  intercept: (path: string, response: ServerResponse) => boolean;
  /** Refuses connections from now on, as after the end of the process. */
  stop(): void;
  /** Listens again on its port. */
  start(): Promise<void>;
}

const PAGE = 2;

/** It ends with the test. */
export async function fakeMlflow(): Promise<FakeMlflow> {
  const fake: Omit<FakeMlflow, 'url' | 'stop' | 'start'> = {
    versions: new Map(),
    asked: [],
    headers: [],
    intercept: () => false,
  };
  const server = createServer((request, response) => {
    fake.asked.push(request.url ?? '');
    fake.headers.push(request.headers);
    if (!fake.intercept(request.url ?? '', response)) answerOf(fake.versions)(request, response);
  });
  const start = async (port: number) => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  const port = await start(0);
  const stop = () => {
    server.close();
    server.closeAllConnections();
  };
  onTestFinished(stop);
  return Object.assign(fake, {
    url: `http://127.0.0.1:${port}`,
    stop,
    start: async () => void (await start(port)),
  });
}

/** A page of text, as a proxy in front of MLflow answers. */
export function answerText(response: ServerResponse, status: number, text: string): true {
  response.writeHead(status, { 'content-type': 'text/html' }).end(text);
  return true;
}

function answerOf(versions: FakeMlflow['versions']): RequestListener {
  return (request, response) => {
    const { pathname, searchParams: query } = new URL(request.url ?? '', 'http://localhost');
    const json = (body: unknown, status = 200) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    const missing = (message: string) => json({ error_code: 'RESOURCE_DOES_NOT_EXIST', message }, 404);
    switch (pathname.replace('/api/2.0/mlflow', '')) {
      case '/model-versions/search': {
        const from = Number(query.get('page_token') ?? 0);
        const names = [...versions.keys()];
        const rows = names.slice(from, from + PAGE).map((name) => rowOf(name, versions.get(name)));
        const next = from + PAGE < names.length ? { next_page_token: String(from + PAGE) } : {};
        return json({ model_versions: rows, ...next });
      }
      case '/model-versions/get': {
        const name = `${query.get('name')}/${query.get('version')}`;
        const version = versions.get(name);
        return version ? json({ model_version: rowOf(name, version) }) : missing('Model Version not found');
      }
      case '/get-artifact': {
        const file = versions
          .get(query.get('run_id') ?? '')
          ?.files.get((query.get('path') ?? '').replace(/^version\//, ''));
        return file ? response.end(file) : missing('No such artifact');
      }
      default:
        return missing(pathname);
    }
  };
}

/** MLflow leaves out what is empty. */
function rowOf(name: string, found: FakeVersion | undefined) {
  const [model, version] = name.split('/');
  const tags = [...(found?.tags ?? [])].map(([key, value]) => ({ key, value }));
  return {
    ...{ name: model, version, creation_timestamp: 1, current_stage: 'None', run_id: name },
    ...(tags.length > 0 && { tags }),
  };
}
