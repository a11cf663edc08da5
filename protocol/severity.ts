/** How bad a validation issue is, from mild to worst. */
export const SEVERITIES = ["info", "warning", "error", "critical"] as const;
export type Severity = (typeof SEVERITIES)[number];

export const isSeverity = (value: unknown): value is Severity =>
  value === "info" || value === "warning" || value === "error" || value === "critical";

export const maxSeverity = (a: Severity | null, b: Severity): Severity =>
  a !== null && SEVERITIES.indexOf(a) >= SEVERITIES.indexOf(b) ? a : b;
