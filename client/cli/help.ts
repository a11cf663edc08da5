export const HELP = `Runcast: watch any run live, from anywhere.

  runcast run -- <command>       run a command, watched
  <command> 2>&1 | runcast pipe  send what is piped in, watched
  runcast tail <run>             follow a run here
  runcast list                   the newest runs

  runcast <what> --help          more about each

Runs are sent to RUNCAST_URL with RUNCAST_TOKEN; by default to the server that
this user's last "npm start" started.
`;

export const COMMAND_HELP = {
  run: `runcast run [options] -- <command> [arguments]

Runs the command as always, shows its output here, and sends every line to be
watched; the address to watch at is printed on standard error. Its exit code is
passed through. Without a server the command runs all the same.

  --name <text>        what the run is called (default: the command)
  --workspace <id>     where it is listed (default: default)
  --label <key=value>  may be given several times; key:value is the same

FORCE_COLOR=1 and PYTHONUNBUFFERED=1 are set for the command unless they are
set already, so that colours and lines arrive as they would on a terminal.
`,
  pipe: `<command> 2>&1 | runcast pipe [options]

Passes its input through and sends it to be watched.

  --name <text>        what the run is called
  --workspace <id>     where it is listed (default: default)
  --label <key=value>  may be given several times; key:value is the same
  --events             a line that is a JSON object with a "type" is an event
`,
  tail: `runcast tail [options] <run>

Follows a run, given by its id or the address of its page, until it ends.
Exit code 0 when it succeeded, 1 when it did not.

  --after <n>          only what comes after event n
  --json               the events as they are stored, one a line
`,
  list: `runcast list [options]

The newest runs. Times are UTC.

  --workspace <id>     (default: default)
  --status <status>    queued, building, running, succeeded, failed or
                       cancelled; may be given several times
  --limit <n>          how many, 1 to 200 (default: 20)
  --json               as the server gives them
`,
} as const;

export type CommandName = keyof typeof COMMAND_HELP;
export const isCommandName = (text: string): text is CommandName => Object.hasOwn(COMMAND_HELP, text);
