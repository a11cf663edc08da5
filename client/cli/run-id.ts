/** A run's id, or the address of its page. */
export const runIdOf = (text: string): string => /\/runs\/([^/?#]+)/.exec(text)?.[1] ?? text;
