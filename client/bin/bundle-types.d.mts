/** For each product, writes what its `entries` (paths from the repository's root) export, as one file of declarations that refers to nothing else. */
export function bundleTypes(products: { entries: string[]; outfile: string }[]): void;
