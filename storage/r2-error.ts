/** R2's answer to an upload that was completed, aborted or never began. */
export const NO_SUCH_UPLOAD = 10024;
/** R2's answer to a range that begins behind the object's end. */
export const OUTSIDE_THE_OBJECT = 10039;

/** R2 names its errors by a number in their text alone. */
export const isR2Error = (error: unknown, code: number): boolean =>
  error instanceof Error && error.message.includes(`(${code})`);
