import { Argument, type Command } from 'commander';
import type { Surroundings } from '../surroundings.ts';
import { SHELLS, type Shell, scriptFor } from './script.ts';

/** `headgate completion`: the script by which a shell completes commands and options. */
export function addCompletion(program: Command, around: Surroundings): void {
  program
    .command('completion')
    .addArgument(new Argument('<shell>', 'shell that is to complete').choices(SHELLS))
    .description('print a script that completes commands and options; docs/cli.md says where it goes')
    .action((shell: Shell) => around.out(scriptFor(shell, program)));
}
