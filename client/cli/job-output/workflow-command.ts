export type WorkflowCommand = { name: string; properties: Readonly<Record<string, string>>; message: string };

const COMMAND = /^\s*::([a-zA-Z][\w-]*)(?:\s+(.*?))?::(.*)$/s;

/** `::name key=value,key=value::message`, as GitHub's runner reads it; null for any other line. */
export function parseWorkflowCommand(line: string): WorkflowCommand | null {
  const [, name, properties = "", message] = COMMAND.exec(line) ?? [];
  if (name === undefined || message === undefined) return null;
  const lower = name.toLowerCase();
  return { name: lower, properties: readProperties(properties, lower), message: unescapeMessage(message) };
}

/** `::token::`, which ends what `::stop-commands::token` began. */
export const isResumeOf = (line: string, token: string): boolean => line.trim() === `::${token}::`;

/** Could the beginning of a line, as far as it has come, still become a command? */
export const mayBecomeCommand = (start: string): boolean => /^\s*(?::?$|::)/.test(start);

/** Masks what it names, so that it is not to be sent even in parts. */
export const isAddMask = (start: string): boolean => /^\s*::add-mask(?:\s[^:]*)?::/i.test(start);

function readProperties(text: string, name: string): Record<string, string> {
  // A metric is written as one would write it by hand; GitHub's own commands separate with commas, and their values may hold blanks.
  const pairs = text.split(name === "metric" ? /[,\s]+/ : ",");
  return Object.fromEntries(
    pairs
      .map((pair) => /^\s*([^=\s]+)=(.*?)\s*$/s.exec(pair))
      .filter((match) => match !== null)
      .map(([, key = "", value = ""]) => [key, unescapeProperty(value)]),
  );
}

// `%25` last: it may have stood for the percent sign of an escape that was meant as text.
const unescapeMessage = (text: string): string =>
  text.replaceAll(/%0D/gi, "\r").replaceAll(/%0A/gi, "\n").replaceAll("%25", "%");
const unescapeProperty = (text: string): string =>
  unescapeMessage(text.replaceAll(/%3A/gi, ":").replaceAll(/%2C/gi, ","));
