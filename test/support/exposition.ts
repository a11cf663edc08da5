/** Prometheus' text format, read strictly: what this does not accept, a scraper may not either. */

export type Series = { name: string; labels: Record<string, string>; value: number };

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const SAMPLE = /^(?<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?<labels>.*)\})? (?<value>\S+)$/;
/** One `name="value"`; in the value a backslash, a quote and a newline are escaped, and nothing else is. */
const LABEL = /^(?<name>[a-zA-Z_][a-zA-Z0-9_]*)="(?<value>(?:[^"\\\n]|\\\\|\\"|\\n)*)"(?:,(?=.)|$)/;

export function parseExposition(text: string): Series[] {
  if (!text.endsWith("\n")) throw new Error("the last line has no end");
  const series: Series[] = [];
  const seen = new Set<string>();
  const described = new Set<string>();
  let family: { name: string; isTyped: boolean } | null = null;
  for (const line of text.slice(0, -1).split("\n")) {
    const [, keyword, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (keyword === "HELP") {
      if (!NAME.test(name) || described.has(name)) throw new Error(`not a family, or twice: ${line}`);
      if (rest.replaceAll(/\\[\\n]/g, "").includes("\\")) throw new Error(`a lone backslash: ${line}`);
      described.add(name);
      family = { name, isTyped: false };
    } else if (keyword === "TYPE") {
      if (family?.name !== name || family.isTyped) throw new Error(`the type of something else: ${line}`);
      if (!["counter", "gauge", "histogram", "summary", "untyped"].includes(rest)) throw new Error(`no type: ${line}`);
      family.isTyped = true;
    } else {
      const sample = parseSample(line);
      if (family?.isTyped !== true || sample.name !== family.name) throw new Error(`outside of its family: ${line}`);
      const key = JSON.stringify([sample.name, Object.entries(sample.labels).toSorted(([a], [b]) => (a < b ? -1 : 1))]);
      if (seen.has(key)) throw new Error(`twice: ${line}`);
      seen.add(key);
      series.push(sample);
    }
  }
  return series;
}

function parseSample(line: string): Series {
  const { name, labels: labelText = "", value } = SAMPLE.exec(line)?.groups ?? {};
  if (name === undefined || value === undefined) throw new Error(`not a sample: ${line}`);
  if (!/^[+-]?(\d+(\.\d+)?([eE][+-]?\d+)?|Inf)$|^NaN$/.test(value)) throw new Error(`not a number: ${line}`);
  const labels: Record<string, string> = {};
  for (let rest = labelText; rest !== "";) {
    const label = LABEL.exec(rest);
    const { name: labelName, value: escaped } = label?.groups ?? {};
    if (label === null || labelName === undefined || escaped === undefined) throw new Error(`not a label: ${rest}`);
    if (Object.hasOwn(labels, labelName)) throw new Error(`a label twice: ${line}`);
    labels[labelName] = escaped.replaceAll(/\\(.)/g, (_, character: string) => (character === "n" ? "\n" : character));
    rest = rest.slice(label[0].length);
  }
  return { name, labels, value: Number(value.replace("Inf", "Infinity")) };
}
