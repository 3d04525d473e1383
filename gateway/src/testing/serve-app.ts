import { createLinger, lingerBounds } from '../body/linger.ts';
import { type HttpServer, nodeOptions, serveHttp } from '../server.ts';
import { CONFIG, type Fixture } from './app-fixture.ts';

/** Serves the whole app on a free port of this machine, with Node's own parser in front as in production. */
export function serveApp({ app }: Fixture): Promise<HttpServer> {
  return serveHttp({
    fetch: (request, env) => app.fetch(request, { ...(env as object), ip: '192.0.2.1' }),
    linger: createLinger(lingerBounds(CONFIG), () => '192.0.2.1'),
    host: '127.0.0.1',
    port: 0,
    node: nodeOptions(CONFIG),
  });
}
