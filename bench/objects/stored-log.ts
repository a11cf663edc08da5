const PAGE_ROWS = 500;

/** Rows after a place, one text each: what a peer's log is read by, some at a time, so that no log is held in memory. */
function readRows(sql: SqlStorage, table: string, after: number, limit: number): Response {
  let last = after;
  let left = limit;
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const rows = sql
        .exec<{ id: number; body: string }>(
          `SELECT id, body FROM ${table} WHERE id > ? ORDER BY id LIMIT ?`,
          last,
          Math.min(left, PAGE_ROWS),
        )
        .toArray();
      const lastRow = rows.at(-1);
      if (lastRow === undefined) return controller.close();
      last = lastRow.id;
      left -= rows.length;
      controller.enqueue(encoder.encode(rows.map((row) => row.body).join("")));
    },
  });
  return new Response(body);
}

/** The last row's number: the least that an object can be asked for that needs its storage. */
function readHead(sql: SqlStorage, table: string): Response {
  const { head } = sql.exec<{ head: number | null }>(`SELECT max(id) AS head FROM ${table}`).one();
  return new Response(String(head ?? 0));
}

/** As the query says: `after`, `limit`. */
export function answerRead(sql: SqlStorage, table: string, url: URL): Response {
  if (url.searchParams.has("head")) return readHead(sql, table);
  const after = Number(url.searchParams.get("after") ?? 0);
  const limit = Number(url.searchParams.get("limit") ?? Number.MAX_SAFE_INTEGER);
  return readRows(sql, table, after, limit);
}
