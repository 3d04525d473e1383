/**
 * Entry point of the models image: copies model versions from one folder to another. A version appears whole, by a
 * rename, and one that is there already stays as it is, so a second run changes nothing.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const [source = '/models', target = '/headgate/models'] = process.argv.slice(2);

for (const model of readdirSync(source)) {
  for (const version of readdirSync(join(source, model))) {
    const from = join(source, model, version);
    const to = join(target, model, version);
    if (isSame(from, to)) {
      console.log(`${model} ${version}: already there`);
      continue;
    }
    const partial = join(target, model, `.${version}.partial`);
    mkdirSync(join(target, model), { recursive: true });
    rmSync(partial, { recursive: true, force: true });
    cpSync(from, partial, { recursive: true });
    rmSync(to, { recursive: true, force: true });
    renameSync(partial, to);
    console.log(`${model} ${version}: copied`);
  }
}

/**
 * The manifest names the digests of all other files.
 *
 * @param {string} from
 * @param {string} to
 */
function isSame(from, to) {
  const manifest = join(to, 'manifest.yaml');
  return existsSync(manifest) && readFileSync(manifest).equals(readFileSync(join(from, 'manifest.yaml')));
}
