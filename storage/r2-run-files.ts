/** R2 deletes at most this many keys a call. */
const KEYS_A_CALL = 1000;

/** Deletes everything of a run in R2: log, segments, artifacts. May be repeated; resolves only when nothing is left. */
export async function deleteRunFiles(bucket: R2Bucket, run: { workspaceId: string; runId: string }): Promise<void> {
  // The slash at the end: no other run's id can begin with this one's.
  const prefix = `workspaces/${run.workspaceId}/runs/${run.runId}/`;
  for (;;) {
    const page = await bucket.list({ prefix, limit: KEYS_A_CALL });
    if (page.objects.length > 0) await bucket.delete(page.objects.map(({ key }) => key));
    if (!page.truncated) return;
  }
}
