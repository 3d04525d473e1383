import { appOnHost } from './app-on-host.ts';

/** What this file uses of Deno. */
declare const Deno: {
  readonly args: readonly string[];
  serve(
    options: { hostname: string; port: number; onListen: (address: { port: number }) => void },
    handler: (request: Request, info: { remoteAddr: { hostname: string } }) => Response | Promise<Response>,
  ): void;
};

const app = await appOnHost(Deno.args[0] as string, (_request, env) => (env as { ip: string }).ip);
Deno.serve(
  { hostname: '127.0.0.1', port: 0, onListen: ({ port }) => console.log(port) },
  (request, { remoteAddr }) => app.fetch(request, { ip: remoteAddr.hostname }),
);
