/** The command line as one file for Node ≥ 20 that needs nothing installed. */
export function bundleCommandLine(outfile: string): Promise<void>;
/** The SDK as one file that a page loads as it is; it runs wherever there are fetch and streams. */
export function bundleBrowserSdk(outfile: string): Promise<void>;
/** The SDK as one file for Node ≥ 20 that needs nothing installed. */
export function bundleNodeSdk(outfile: string): Promise<void>;
