import { RE2JS, RE2JSException, RE2JSSyntaxException } from "re2js";
import { LIMITS } from "../../protocol/limits.ts";

/** From a UTF-16 unit to before another. */
export type TextRange = [start: number, end: number];

/** What is looked for in one line of text, which holds no line break. */
export type TextMatcher = {
  /** What one look at so many characters may cost at most, in steps of about 30 ns. */
  steps(chars: number): number;
  isIn(text: string): boolean;
  /** The first at or behind `from`; it may be empty. */
  next(text: string, from: number): TextRange | null;
  /** Whether a stored line, as it is encoded, may say it: false saves parsing the line. */
  mayBeIn(storedLine: string): boolean;
};

export type Wanted = { query: string; isExpression: boolean; isCaseSensitive: boolean };

/** `fault` says what is wrong with the expression, and where. */
export type Compiled = { kind: "ok"; matcher: TextMatcher } | { kind: "fault"; fault: string };

export function compileMatcher({ query, isExpression, isCaseSensitive }: Wanted): Compiled {
  if (isExpression) return compileExpression(query, isCaseSensitive);
  return { kind: "ok", matcher: isCaseSensitive ? exactText(query) : foldedText(query) };
}

/** As a stored line spells it. A half character there is an escape, which readers are shown as U+FFFD. */
const encoded = (query: string): string => JSON.stringify(query).slice(1, -1);
const isSpelledOneWay = (query: string): boolean => !query.includes("\ufffd");

function exactText(query: string): TextMatcher {
  const spelling = isSpelledOneWay(query) ? encoded(query) : null;
  return {
    steps: (chars) => chars,
    isIn: (text) => text.includes(query),
    next: (text, from) => {
      const start = text.indexOf(query, from);
      return start === -1 ? null : [start, start + query.length];
    },
    mayBeIn: (storedLine) => spelling === null || storedLine.includes(spelling),
  };
}

/** Letters are alike as Unicode folds them one by one. A literal needs no backtracking, so that the runtime's own expressions are safe here. */
function foldedText(query: string): TextMatcher {
  const found = new RegExp(literal(query), "giu");
  const spelled = isSpelledOneWay(query) ? new RegExp(literal(encoded(query)), "iu") : null;
  const next = (text: string, from: number): TextRange | null => {
    found.lastIndex = from;
    const match = found.exec(text);
    return match === null ? null : [match.index, match.index + match[0].length];
  };
  return {
    steps: (chars) => chars,
    isIn: (text) => next(text, 0) !== null,
    next,
    mayBeIn: (storedLine) => spelled?.test(storedLine) ?? true,
  };
}

const literal = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`);

/** RE2: the time of a look grows with the text, whatever the expression. [SRCH4] */
function compileExpression(query: string, isCaseSensitive: boolean): Compiled {
  let expression: RE2JS;
  try {
    expression = RE2JS.compile(query, isCaseSensitive ? 0 : RE2JS.CASE_INSENSITIVE);
  } catch (error) {
    if (error instanceof RE2JSException) return { kind: "fault", fault: faultOf(query, error) };
    throw error;
  }
  const size = expression.programSize();
  if (size > LIMITS.searchProgramSteps) {
    const fault = `it comes to ${size} steps, and may have ${LIMITS.searchProgramSteps}: repeat less`;
    return { kind: "fault", fault };
  }
  return {
    kind: "ok",
    matcher: {
      steps: (chars) => chars * size,
      isIn: (text) => expression.test(text),
      next: (text, from) => {
        const match = expression.matcher(text);
        return match.find(from) ? [match.start(), match.end()] : null;
      },
      mayBeIn: () => true,
    },
  };
}

function faultOf(query: string, error: RE2JSException): string {
  if (!(error instanceof RE2JSSyntaxException)) return error.message;
  const part = error.getPattern();
  const at = part === null || part === query ? -1 : query.indexOf(part);
  const place = at === -1 ? "" : ` at character ${at + 1}: ${part}`;
  return `${error.getDescription()}${place}`;
}
