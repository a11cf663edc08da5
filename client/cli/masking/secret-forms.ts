import { SECRET_MIN_CHARS } from "./secret-names.ts";

/** A secret as programs print it: as it is, as JSON and URLs write it, and within a base64 text (`Authorization: Basic …`). */
export function formsOf(secret: string): string[] {
  const written = [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret.toWellFormed())];
  return [...new Set([...written, ...(secret.length < SECRET_MIN_CHARS ? [] : base64Forms(secret))])];
}

/** What of a base64 text depends on the secret alone, for each place that it can have among the three bytes of a group. */
function base64Forms(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const forms = [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64");
    return text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
  });
  return [...forms, ...forms.map((form) => form.replaceAll("+", "-").replaceAll("/", "_"))];
}
