/** How a refusal by HTTP reads as a close code, so that a watcher knows one language. The rest is worth another try. */
const CLOSE_CODE_BY_STATUS: Readonly<Record<number, number>> = {
  400: 4400,
  401: 4401,
  403: 4403,
  404: 4404,
  410: 4404,
  421: 4403,
  426: 4400,
  429: 4429,
};

/** The connection broke, or was never there. */
export const CLOSE_ABNORMAL = 1006;

export const closeCodeOf = (status: number): number => CLOSE_CODE_BY_STATUS[status] ?? CLOSE_ABNORMAL;
