import { membersOf, prettyJson } from "../../../../client/json-text.ts";

/** A run's parameters as one reads them: a text as it is, anything else as JSON with the digits that it was given. */
export const shownParameters = (text: string): { name: string; value: string }[] =>
  [...membersOf(text)].map(([name, value]) => ({
    name,
    value: value.startsWith('"') ? String(JSON.parse(value)) : prettyJson(value),
  }));
