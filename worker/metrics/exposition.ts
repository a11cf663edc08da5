export type Sample = { labels: Record<string, string>; value: number };
export type Metric = { name: string; help: string; samples: Sample[] };

/** The text format of Prometheus, version 0.0.4. Everything is a gauge: what can be deleted goes down. */
export const EXPOSITION_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export const toExposition = (metrics: readonly Metric[]): string =>
  metrics
    .flatMap(({ name, help, samples }) => [
      `# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}`,
      `# TYPE ${name} gauge`,
      ...samples.map(({ labels, value }) => `${name}${labelsOf(labels)} ${value}`),
    ])
    .map((line) => `${line}\n`)
    .join("");

function labelsOf(labels: Record<string, string>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

const escaped = (value: string): string =>
  value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
