import { ServerVersion } from "../../../../client/server-version.ts";
import { pageApi } from "../session/page-api.ts";

/** Whether the server has become another since this page was loaded, as after an upgrade under an open page. */
class PageVersion {
  isOld = $state(false);
  readonly #server = new ServerVersion(pageApi(), () => (this.isOld = true));

  /** When the page starts, and whenever a connection that was cut is back. */
  check(): void {
    void this.#server.check();
  }
}

export const pageVersion = new PageVersion();
