/** The command line as one file for Node ≥ 20 that needs nothing installed. */
export function bundleCommandLine(outfile: string): Promise<void>;
