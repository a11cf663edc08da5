/** The token of `/sign-in#token=…`; it is in the fragment because browsers do not send that part. */
export function tokenFromFragment(hash: string): string | null {
  const token = new URLSearchParams(hash.replace(/^#/, "")).get("token");
  return token === null || token === "" ? null : token;
}

/** Where one wanted to go: a path of this site and nothing else, whatever the address says; the runs if it says none. */
export function returnPath(next: string | null, origin: string): string {
  if (next === null || !next.startsWith("/")) return "/";
  const url = URL.parse(next, origin);
  if (url === null || url.origin !== origin || url.pathname.startsWith("/sign-in")) return "/";
  return url.pathname + url.search + url.hash;
}

export const signInPath = (from: { pathname: string; search: string; hash: string }): `/sign-in?${string}` =>
  `/sign-in?next=${encodeURIComponent(from.pathname + from.search + from.hash)}`;
