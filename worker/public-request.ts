/**
 * The request as its client made it. A proxy that ends TLS asks by plain HTTP, but the browser's origin, its cookies and the addresses it is given are those of
 * `publicUrl`. Only a request for that host is changed: which proxies may be believed is decided by who can reach this server, not by a header.
 */
export function asPublicRequest(request: Request, publicUrl: string): Request {
  if (publicUrl === "") return request;
  const url = new URL(request.url);
  const { protocol, host } = new URL(publicUrl);
  if (url.host !== host || url.protocol === protocol) return request;
  url.protocol = protocol;
  return new Request(url, request);
}
