import type { Masks } from "./masks.ts";

/** A text of JSON, or what stands between two of them. */
const STRING = /"(?:[^"\\]|\\.)*"/g;

/**
 * A valid JSON text with every string in it masked, however it is escaped, and everything else as it stands, so that numbers keep their
 * digits. A number that is a secret becomes the mask's text.
 */
export function maskJson(json: string, masks: Masks): string {
  let masked = "";
  let at = 0;
  for (const { index, 0: literal } of json.matchAll(STRING)) {
    masked += maskBare(json.slice(at, index), masks) + maskString(literal, masks);
    at = index + literal.length;
  }
  return masked + maskBare(json.slice(at), masks);
}

function maskString(literal: string, masks: Masks): string {
  const text = String(JSON.parse(literal));
  const safe = masks.text(text);
  return safe === text ? literal : JSON.stringify(safe);
}

const maskBare = (text: string, masks: Masks): string =>
  text.replaceAll(/[^\s,:[\]{}]+/g, (word) => (masks.text(word) === word ? word : JSON.stringify(masks.text(word))));
