import type { Config } from '@headgate/contracts/config/schema';
import { stringify } from 'yaml';
import { bootstrap } from './bootstrap.ts';
import { assertAbsolute } from './tls.ts';

export { renderSds } from './tls.ts';

/**
 * Envoy's configuration as YAML. It refers to the files of `renderSds`, which must be written first.
 *
 * @param options.root absolute base of the relative paths in `config`
 * @throws TypeError when `root` is not absolute
 */
export function renderEnvoy(config: Config, { root }: { readonly root: string }): string {
  assertAbsolute(root);
  return stringify(bootstrap(config, root), { lineWidth: 0, aliasDuplicateObjects: false });
}
