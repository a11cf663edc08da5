// Exit code 0: the server on this machine answers. For a container's health check and a monitor's script; plain JavaScript for any Node from 20 on.
const url = `http://127.0.0.1:${process.env.PORT || 8787}/api/health`;
try {
  const response = await fetch(url, { signal: AbortSignal.timeout(2_500) });
  const { status, version } = await response.json();
  if (!response.ok || status !== "ok") throw new Error(`it answered ${response.status}`);
  console.log(`ok ${version}`);
} catch (error) {
  console.error(`${url}: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
