import { addToast, shownForMs, type NewToast, type Toast } from "./toast-list.ts";

/** What has happened lately, said quietly at the edge and read out. One for the page. */
class Toasts {
  list: readonly Toast[] = $state.raw([]);
  #nextId = 1;

  say(toast: NewToast): void {
    const id = this.#nextId;
    this.#nextId += 1;
    this.list = addToast(this.list, id, toast);
    const ms = shownForMs(toast);
    if (ms !== null) setTimeout(() => this.dismiss(id), ms);
  }

  /** An operation did not work: why, in words. */
  failed(what: string, detail: string): void {
    this.say({ key: what, tone: "bad", text: `${what}: ${detail}` });
  }

  dismiss(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
  }
}

export const toasts = new Toasts();
