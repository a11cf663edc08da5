/** What Cloudflare bills, each with how often it was asked for. */
export type Billed = {
  workerRequests: number;
  /** Calls of an object, and its alarms. */
  objectRequests: number;
  /** Of objects, with their indexes; an alarm that is set is one. */
  rowsWritten: number;
  rowsRead: number;
  /** R2's writes and lists (class A), and its reads (class B); deleting is free. */
  r2Writes: number;
  r2Reads: number;
  d1RowsWritten: number;
  d1RowsRead: number;
};

export const nothingBilled = (): Billed => ({
  workerRequests: 0,
  objectRequests: 0,
  rowsWritten: 0,
  rowsRead: 0,
  r2Writes: 0,
  r2Reads: 0,
  d1RowsWritten: 0,
  d1RowsRead: 0,
});
