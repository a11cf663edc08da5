/** If-None-Match: a list of tags, weak or not, or a star. */
export const isKnownAlready = (header: string | undefined, etag: string): boolean =>
  header !== undefined &&
  header.split(",").some((tag) => tag.trim() === "*" || tag.trim().replace(/^W\//, "") === etag);
