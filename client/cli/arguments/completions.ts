import { COMMAND_NAMES, COMMANDS, SHELLS } from "./commands.ts";
import type { CommandName, Shell } from "./commands.ts";
import type { OptionDeclaration } from "./option.ts";

/** A script that completes commands, options and their values. Nothing in it is asked of a server. */
export function completionsFor(shell: Shell): string {
  switch (shell) {
    case "bash":
      return bash();
    case "zsh":
      // zsh runs bash's completions as they are.
      return `autoload -U +X bashcompinit && bashcompinit\n${bash()}`;
    case "fish":
      return fish();
  }
}

const optionsOf = (name: CommandName) => Object.entries<OptionDeclaration>(COMMANDS[name].options);
const words = (texts: readonly string[]) => texts.join(" ");

/** What may follow the command itself. */
const ARGUMENTS: Partial<Record<CommandName, readonly string[]>> = { completions: SHELLS, help: COMMAND_NAMES };

function bash(): string {
  const cases = COMMAND_NAMES.map((name) => {
    const options = optionsOf(name);
    const spelled = options.flatMap(([option, { short }]) =>
      short === undefined ? [`--${option}`] : [`--${option}`, `-${short}`],
    );
    const values = options
      .filter(([, { type }]) => type === "string")
      .map(([option, { short, complete }]) => {
        const flags = short === undefined ? `--${option}` : `--${option}|-${short}`;
        if (complete === "file")
          return `        ${flags}) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;`;
        const list = complete === undefined || complete === "nothing" ? "" : words(complete);
        return `        ${flags}) COMPREPLY=($(compgen -W "${list}" -- "$word")); return ;;`;
      });
    const isFile = name === "verify";
    return `    ${name})
      case "$before" in
${values.join("\n") || "        *) ;;"}
      esac
      if [[ $word == -* ]]; then COMPREPLY=($(compgen -W "${words(spelled)}" -- "$word"))
      ${isFile ? 'else compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word"))' : `else COMPREPLY=($(compgen -W "${words(ARGUMENTS[name] ?? [])}" -- "$word"))`}
      fi ;;`;
  });
  return `_runcast() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} index
  COMPREPLY=()
  if (( COMP_CWORD == 1 )); then
    COMPREPLY=($(compgen -W "${words(COMMAND_NAMES)}" -- "$word"))
    return
  fi
  for (( index = 2; index < COMP_CWORD; index++ )); do
    # Behind -- stands somebody else's command.
    if [[ \${COMP_WORDS[index]} == -- ]]; then
      if (( index + 1 == COMP_CWORD )); then COMPREPLY=($(compgen -c -- "$word"))
      else compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); fi
      return
    fi
  done
  case "\${COMP_WORDS[1]}" in
${cases.join("\n")}
  esac
}
complete -F _runcast runcast
`;
}

function fish(): string {
  const lines = COMMAND_NAMES.flatMap((name) => [
    `complete -c runcast -n __fish_use_subcommand -a ${name} -d ${quote(COMMANDS[name].summary)}`,
    ...optionsOf(name).map(([option, { short, type, help, complete }]) => {
      const flags = `-l ${option}${short === undefined ? "" : ` -s ${short}`}`;
      const value =
        type === "boolean"
          ? ""
          : complete === "file"
            ? " -r -F"
            : ` -x${Array.isArray(complete) ? ` -a ${quote(words(complete))}` : ""}`;
      return `complete -c runcast -n '__fish_seen_subcommand_from ${name}' ${flags}${value} -d ${quote(help)}`;
    }),
    ...(ARGUMENTS[name] === undefined
      ? []
      : [`complete -c runcast -n '__fish_seen_subcommand_from ${name}' -a ${quote(words(ARGUMENTS[name]))}`]),
  ]);
  return `complete -c runcast -f
complete -c runcast -n '__fish_seen_subcommand_from verify' -F
complete -c runcast -n '__fish_seen_subcommand_from run; and contains -- -- (commandline -opc)' -a '(__fish_complete_subcommand --fcs-skip=3)'
${lines.join("\n")}
`;
}

const quote = (text: string) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
