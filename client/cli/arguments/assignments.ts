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

/** `key=text`, or `key:=json`: as the text of one JSON object, in which every number has the digits that were typed. */
export function readParameters(
  texts: readonly string[],
): { kind: "assigned"; json: string } | { kind: "wrong"; reason: string } {
  const values = new Map<string, string>();
  for (const text of texts) {
    const [, key, isJson, value] = /^([^=]+?)(:?)=(.*)$/s.exec(text) ?? [];
    if (key === undefined || value === undefined) return wrong(`--param wants key=value or key:=json, not "${text}"`);
    if (isJson === ":" && !isJsonText(value)) {
      return wrong(`--param ${key}:= wants JSON, not "${value}"; a text is written ${key}=${value}`);
    }
    values.set(key, isJson === ":" ? value : JSON.stringify(value));
  }
  const members = [...values].map(([key, value]) => `${JSON.stringify(key)}:${value}`);
  return { kind: "assigned", json: `{${members.join(",")}}` };
}

function isJsonText(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const wrong = (reason: string) => ({ kind: "wrong", reason }) as const;
