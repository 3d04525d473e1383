import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CheckItem, checkCommand } from './item.ts';
import { pythonTool } from './python-tool.ts';
import { trackedFiles } from './repository.ts';

/** Has no tag, which hadolint must find: otherwise its silence means nothing. */
const PLANTED = 'FROM debian\n';
const PLANTED_RULE = 'DL3006';

/** hadolint on every Dockerfile. */
export const dockerfilesItem: CheckItem = {
  name: 'Dockerfiles',
  run: async (context) => {
    const hadolint = await pythonTool(context, 'hadolint');
    using folder = mkdtempDisposableSync(join(tmpdir(), 'headgate-docker-'));
    writeFileSync(join(folder.path, 'Dockerfile'), PLANTED);
    const found = await checkCommand(context, hadolint, [join(folder.path, 'Dockerfile')]);
    if (!found.some((line) => line.includes(PLANTED_RULE))) return [`hadolint does not find ${PLANTED_RULE}`];
    return checkCommand(context, hadolint, (await trackedFiles(context.root)).filter(isDockerfile));
  },
};

function isDockerfile(file: string): boolean {
  return /(^|\/)([\w-]+\.)?Dockerfile$/.test(file);
}
