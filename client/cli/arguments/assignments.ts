export type Assigned<T> = { kind: "assigned"; values: Record<string, T> } | { kind: "wrong"; reason: string };

/** `key=value` or `key:value`, as labels have them. */
export function readLabels(texts: readonly string[]): Assigned<string> {
  const values: Record<string, string> = {};
  for (const text of texts) {
    const [, key, value] = /^([^=:]{1,63})[=:](.{0,255})$/s.exec(text) ?? [];
    if (key === undefined || value === undefined) return wrong(`--label wants key=value, not "${text}"`);
    values[key] = value;
  }
  return { kind: "assigned", values };
}

/** `key=text`, or `key:=json`. */
export function readParameters(texts: readonly string[]): Assigned<unknown> {
  const values: Record<string, unknown> = {};
  for (const text of texts) {
    const [, key, isJson, value] = /^([^=]+?)(:?)=(.*)$/s.exec(text) ?? [];
    if (key === undefined || value === undefined) return wrong(`--param wants key=value or key:=json, not "${text}"`);
    if (isJson !== ":") {
      values[key] = value;
      continue;
    }
    try {
      values[key] = JSON.parse(value);
    } catch {
      return wrong(`--param ${key}:= wants JSON, not "${value}"; a text is written ${key}=${value}`);
    }
  }
  return { kind: "assigned", values };
}

const wrong = (reason: string) => ({ kind: "wrong", reason }) as const;
