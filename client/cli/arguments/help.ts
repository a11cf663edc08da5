import { COMMAND_NAMES, COMMANDS } from "./commands.ts";
import type { CommandName } from "./commands.ts";
import type { OptionDeclaration } from "./option.ts";

/** Of a line; a terminal of 80 columns shows it whole. */
const WIDTH = 78;
/** Options whose left half is longer have their text on a line of its own. */
const LEFT_MAX = 26;

const USAGES: Partial<Record<CommandName, string>> = {
  run: "run -- <command>",
  tail: "tail <run>",
  verify: "verify <run|file>",
  resume: "resume [run]",
  completions: "completions <shell>",
  help: "help <command>",
};

/** What there is, at a glance. */
export function overview(): string {
  const rows = COMMAND_NAMES.map((name): [string, string] => [
    name === "pipe" ? "<command> 2>&1 | runcast pipe" : `runcast ${USAGES[name] ?? name}`,
    COMMANDS[name].summary,
  ]);
  return `Runcast: watch any run live, from anywhere.

${columns(rows, 31)}

${wrap(
  `Runs are sent to RUNCAST_URL with RUNCAST_TOKEN; by default to the server that this user's last "npm start" started. Values of variables named like *TOKEN*, *SECRET*, *PASSWORD* or *KEY* are sent as ***.`,
  "",
)}
`;
}

export function helpOf(name: CommandName): string {
  const { usage, text, options, ...rest } = COMMANDS[name];
  const rows = Object.entries<OptionDeclaration>(options).map(([option, declaration]): [string, string] => [
    spell(option, declaration),
    declaration.help,
  ]);
  const more = "more" in rest ? `\n${wrap(rest.more, "")}\n` : "";
  const width = Math.min(LEFT_MAX, Math.max(...rows.map(([left]) => left.length)));
  return `${usage}\n\n${wrap(text, "")}\n\n${columns(rows, width)}\n${more}`;
}

function spell(name: string, { short, value }: OptionDeclaration): string {
  return `${short === undefined ? "" : `-${short}, `}--${name}${value === undefined ? "" : ` ${value}`}`;
}

function columns(rows: readonly [string, string][], width: number): string {
  const indent = " ".repeat(width + 4);
  return rows
    .map(([left, right]) => {
      const text = wrap(right, indent);
      return left.length > width ? `  ${left}\n${text}` : `  ${left.padEnd(width + 2)}${text.trimStart()}`;
    })
    .join("\n");
}

/** Lines of whole words, each behind the indent. */
function wrap(text: string, indent: string): string {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(" ")) {
    if (line !== indent && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = indent;
    }
    line += line === indent ? word : ` ${word}`;
  }
  return [...lines, line].join("\n");
}
