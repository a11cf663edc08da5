/** An option as `parseArgs` takes it, with what help and completions say about it. */
export type OptionDeclaration = {
  type: "string" | "boolean";
  short?: string;
  multiple?: boolean;
  /** What stands for its value in help. */
  value?: string;
  help: string;
  /** All values there are, or what the shell is to complete with. */
  complete?: readonly string[] | "file" | "nothing";
};
export type Options = Readonly<Record<string, OptionDeclaration>>;
