import type { Command, Option } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** A command, by its words from the first one below the program. */
interface Node {
  readonly words: readonly string[];
  readonly commands: readonly Command[];
  readonly options: readonly Option[];
}

/** The tree as it is now: nothing is asked of the program at each key, which starts too slowly for that. */
export function scriptFor(shell: Shell, program: Command): string {
  const nodes = nodesOf(program, [], program.options);
  return { bash, zsh, fish }[shell](nodes);
}

function nodesOf(command: Command, words: readonly string[], globals: readonly Option[]): Node[] {
  const options = command.options.filter((one) => !globals.includes(one)).concat(globals);
  const help = command.createHelp();
  const commands = help.visibleCommands(command).filter((one) => one.name() !== 'help');
  const below = commands.flatMap((one) => nodesOf(one, [...words, one.name()], globals));
  return [{ words, commands, options: options.filter(({ hidden }) => !hidden) }, ...below];
}

const keyOf = ({ words }: Node): string => words.join(' ');
const flagsOf = ({ long, short }: Option): string[] => [long, short].flatMap((flag) => (flag ? [flag] : []));
/** For single quotes, in each of the shells. */
const plain = (text: string): string => text.replaceAll(/['\\\n]/g, ' ');

/** The words so far that are commands make the path; options, their values and arguments are passed over. */
const PATH_OF_WORDS = (nodes: readonly Node[]) => `  local path='' word next
  for word in "\${before[@]}"; do
    next="\${path:+$path }$word"
    case "$next" in
      ${nodes
        .slice(1)
        .map((node) => `'${keyOf(node)}'`)
        .join('|')}) path="$next" ;;
    esac
  done`;

function bash(nodes: readonly Node[]): string {
  const cases = nodes.map((node) => {
    const flags = node.options.flatMap(flagsOf).join(' ');
    return `    '${keyOf(node)}') words='${node.commands.map((one) => one.name()).join(' ')}'; flags='${flags}' ;;`;
  });
  return `# bash completion of headgate
_headgate() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words='' flags=''
  local before=("\${COMP_WORDS[@]:1:COMP_CWORD-1}")
${PATH_OF_WORDS(nodes)}
  case "$path" in
${cases.join('\n')}
  esac
  if [[ "$current" == -* ]]; then words="$flags"; fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _headgate headgate
`;
}

function zsh(nodes: readonly Node[]): string {
  const cases = nodes.map((node) => {
    const words = node.commands.map((one) => `'${one.name()}:${plain(one.description())}'`);
    const flags = node.options.flatMap((option) =>
      flagsOf(option).map((flag) => `'${flag}:${plain(option.description)}'`),
    );
    return `    '${keyOf(node)}') commands=(${words.join(' ')}); flags=(${flags.join(' ')}) ;;`;
  });
  return `#compdef headgate
_headgate() {
  local -a commands flags before
  before=("\${(@)words[2,CURRENT-1]}")
${PATH_OF_WORDS(nodes)}
  case "$path" in
${cases.join('\n')}
  esac
  if [[ "\${words[CURRENT]}" == -* ]]; then _describe -o option flags
  elif (( \${#commands} )); then _describe command commands
  else _files
  fi
}
if [[ "\${funcstack[1]}" == _headgate ]]; then _headgate "$@"; else compdef _headgate headgate; fi
`;
}

function fish(nodes: readonly Node[]): string {
  const lines = nodes.flatMap((node) => {
    const when = `-n '__headgate_at "${keyOf(node)}"'`;
    const commands = node.commands.map(
      (one) => `complete -c headgate -f ${when} -a ${one.name()} -d '${plain(one.description())}'`,
    );
    const options = node.options.map(({ long, short, description, required }) => {
      const flags = [
        long ? `-l ${long.slice(2)}` : '',
        short ? `-s ${short.slice(1)}` : '',
        required ? '-r' : '',
      ];
      return `complete -c headgate ${when} ${flags.filter(Boolean).join(' ')} -d '${plain(description)}'`;
    });
    return [...commands, ...options];
  });
  return `# fish completion of headgate
function __headgate_at
  set -l path ''
  for word in (commandline -opc)[2..-1]
    set -l next (string trim -- "$path $word")
    contains -- "$next" ${nodes
      .slice(1)
      .map((node) => `'${keyOf(node)}'`)
      .join(' ')}; and set path $next
  end
  test "$path" = "$argv[1]"
end
${lines.join('\n')}
`;
}
