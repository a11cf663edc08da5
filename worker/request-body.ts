/**
 * The whole body, or null when it is longer than `maxBytes`. A body that is too long is read to its end all the same, but not kept: a client that is
 * still sending would otherwise see a broken connection instead of the answer.
 */
export async function readBody(request: Request, maxBytes: number): Promise<Uint8Array | null> {
  const kept: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of request.body ?? []) {
    bytes += part.byteLength;
    if (bytes > maxBytes) kept.length = 0;
    else kept.push(part);
  }
  if (bytes > maxBytes) return null;
  const body = new Uint8Array(bytes);
  let at = 0;
  for (const part of kept) {
    body.set(part, at);
    at += part.byteLength;
  }
  return body;
}
