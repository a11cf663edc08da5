import { RuncastApi } from "../../../../client/api.ts";
import { ServerVersion } from "../../../../client/server-version.ts";

/** Whether the server has become another since this page was loaded, as after an upgrade under an open page. */
class PageVersion {
  isOld = $state(false);
  readonly #server = new ServerVersion(new RuncastApi({ url: location.origin }), () => (this.isOld = true));

  /** When the page starts, and whenever a connection that was cut is back. */
  check(): void {
    void this.#server.check();
  }
}

export const pageVersion = new PageVersion();
