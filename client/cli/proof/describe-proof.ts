import type { FileProof } from "./verify-file.ts";

type Range = { first: number; last: number };
type Paint = { green(text: string): string; red(text: string): string };

/** What was found, in words: the first line says whether the log is whole, the others what it lacks. */
export function describeProof(proof: FileProof, paint: Paint): string[] {
  const { complete, events, sha256, gaps, damaged } = proof;
  const count = `${numberText(events)} ${events === 1 ? "event" : "events"}`;
  const found = `${count}, sha256 ${sha256}`;
  if (complete) return [`${paint.green("complete")}: ${found}, ${vouching(proof)}`];
  const total = events + lengthOf(gaps) + lengthOf(damaged.filter(({ reason }) => reason !== "altered"));
  return [
    `${paint.red("not complete")}: ${found}`,
    ...manifestFault(proof),
    ...gaps.map((range) => `missing: ${rangeText(range)}${range.last === total ? ", the end of the log" : ""}`),
    ...damaged.flatMap((range) => {
      const words = DAMAGE_WORDS[range.reason];
      return words === null ? [] : [`${words[0]}: ${rangeText(range)}${words[1]}`];
    }),
  ];
}

/** Who says that these lines are those that were written. */
function vouching({ manifest, signed_by }: FileProof): string {
  switch (manifest) {
    case "valid":
      return `signed by ${signed_by}`;
    case "not_yet":
      return "so far: it is signed when the run has ended and is archived";
    case "unchecked":
      return "as its manifest says; the signature was not checked, because no key was given (--key)";
    case null:
      return "each once, in order; without its manifest nothing proves that these are the lines that were written";
    default:
      return "as its manifest says; nobody signed that";
  }
}

function manifestFault({ manifest, signed_by }: FileProof): string[] {
  switch (manifest) {
    case "edited":
      return ["the manifest was edited: its signature is not of what it says now"];
    case "other_key":
      return ["the manifest is signed with another key than the one it is held against"];
    case "unsigned":
      return ["the manifest has no signature: nothing proves that these are the lines that were written"];
    case "contradictory":
      return ["the manifest contradicts itself: its segments or running hashes do not follow on each other"];
    case "unreadable":
      return ["the manifest cannot be read: it is damaged, or no manifest of Runcast's"];
    case "missing":
      return ["the manifest is missing: nothing proves that these are the lines that were written"];
    case "valid":
      return [`the manifest is as it was signed by ${signed_by}; the log is not as it says`];
    default:
      return [];
  }
}

const DAMAGE_WORDS = {
  unreadable: ["damaged", ", where no event can be read"],
  misplaced: ["misplaced", ": there twice, out of order, or under another number"],
  altered: ["edited", ": the lines can be read, but at least one of them is not as it was stored"],
  // The manifest's fault says it.
  unproved: null,
} as const;

const lengthOf = (ranges: readonly Range[]): number =>
  ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
const rangeText = ({ first, last }: Range): string =>
  first === last ? `event ${numberText(first)}` : `events ${numberText(first)} to ${numberText(last)}`;
/** 1,204,331, wherever it runs. */
const numberText = (count: number): string => count.toLocaleString("en-US");
