/** A code that may be sent. A browser's plain `close()` is reported as 1005, a broken connection as 1006: echoing either throws. */
export const cleanCloseCode = (code: number): number => (code === 1000 || (code >= 3000 && code <= 4999) ? code : 1000);
