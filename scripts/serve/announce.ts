import { join, relative } from 'node:path';
import type { Crash } from './child.ts';
import type { Service } from './ready-file.ts';

/** A photo that exists in each mode. */
export function samplePhoto(root: string, service: Service): string {
  return join(root, 'samples', service.mode === 'full' ? 'chelsea.png' : 'digit-7.png');
}

/** A curl for another terminal in the folder `root`. */
export function curlFor(root: string, service: Service, photo: string): string {
  const short = (path: string) => quote(relative(root, path));
  const parts = [
    'curl',
    ...(service.caFile === null ? [] : ['--cacert', short(service.caFile)]),
    `-H "X-API-Key: ${service.keys?.client ?? '$KEY'}"`,
    `-F image=@${short(photo)}`,
    `${service.https ?? service.gateway}/predict`,
  ];
  return parts.join(' ');
}

/** One line for the console. */
export function describeCrash({ name, how, restartMs }: Crash): string {
  const by = typeof how === 'number' ? `with exit code ${how}` : `by ${how}`;
  return `${name} ended ${by}; starting it again in ${(restartMs / 1000).toFixed(1)} s`;
}

/** Quotes only what a shell could misread. */
function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
