import type { Config } from '@headgate/contracts/config/schema';
import { bootstrap } from './bootstrap.ts';
import { assertAbsolute } from './tls.ts';

export { renderSds } from './tls.ts';

/**
 * Envoy's configuration as JSON: to read it as YAML, Envoy would take 60 MB more, and keep them. It refers to the files
 * of `renderSds`, which must be written first.
 *
 * @param options.root absolute base of the relative paths in `config`
 * @throws TypeError when `root` is not absolute
 */
export function renderEnvoy(config: Config, { root }: { readonly root: string }): string {
  assertAbsolute(root);
  return `${JSON.stringify(bootstrap(config, root), null, 1)}\n`;
}
