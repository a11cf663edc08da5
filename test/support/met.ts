/**
 * What of the contract the tests meet. It goes into the report with each test (`fail-for-faults.ts`), what is documented comes from
 * `worker/contract.test.ts`, and at its end `npm test` compares the two (`contract/unmet.mjs`).
 */
declare module "vitest" {
  interface TaskMeta {
    met?: string[];
    documented?: string[];
  }
}

const names = new Set<string>();

export const meet = (name: string): void => void names.add(name);

/** Everything since this was last asked. */
export function takeMet(): string[] {
  const taken = [...names];
  names.clear();
  return taken;
}
