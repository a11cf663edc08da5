/** `target` with some members replaced; `body` is given as a function, because it is read like a field. */
export function wrapped<Target extends object>(
  target: Target,
  replaced: Record<string, (...args: never[]) => unknown>,
): Target {
  return new Proxy(target, {
    get(_target, name) {
      if (name === "body" && replaced["body"] !== undefined) return replaced["body"]();
      if (typeof name === "string" && Object.hasOwn(replaced, name)) return replaced[name];
      // The platform's objects accept only themselves as `this`.
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
