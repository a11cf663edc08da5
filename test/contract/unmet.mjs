/**
 * What cannot be brought about in a test, each with its reason. Empty, and better so.
 * @type {ReadonlyMap<string, string>}
 */
export const EXEMPT = new Map([]);

/**
 * What the documents promise and no test has met, and what is exempt without need: met all the same, or not documented any more.
 * In plain JavaScript, because `npm test` asks it before anything is installed.
 * @param {ReadonlySet<string>} documented
 * @param {ReadonlySet<string>} met
 * @param {ReadonlyMap<string, string>} exempt
 * @returns {string[]} in words, one a line; empty when all is well
 */
export function findUnmet(documented, met, exempt = EXEMPT) {
  if (documented.size === 0) return ["no test has told what is documented (worker/contract.test.ts)"];
  const unmet = [...documented].filter((name) => !met.has(name) && !exempt.has(name));
  const needless = [...exempt.keys()].filter((name) => met.has(name) || !documented.has(name));
  return [...unmet.map((name) => `no test meets: ${name}`), ...needless.map((name) => `exempt without need: ${name}`)];
}
