/** R2's answer to an upload that was completed, aborted or never began. */
const NO_SUCH_UPLOAD = 10024;

export const isNoSuchUpload = (error: unknown): boolean =>
  error instanceof Error && error.message.includes(`(${NO_SUCH_UPLOAD})`);
