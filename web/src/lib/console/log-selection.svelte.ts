import type { LogText } from "../run/log-text.ts";
import { toasts } from "../toasts/toasts.svelte.ts";
import { textBetween } from "./copied-text.ts";
import { selectedIn, type SelectedText } from "./selected-text.ts";

/** Text that is selected in the console. Only what one sees is drawn: where it begins and ends is held, and what lies between is copied from the log. */
export class LogSelection {
  /** Rows in which a selection begins and ends: it would be lost with them. */
  held: readonly number[] = $state.raw([]);
  readonly #text: LogText;

  constructor(text: LogText) {
    this.#text = text;
  }

  changed(rows: HTMLElement): void {
    const selected = selectedIn(rows);
    this.held = selected === null ? [] : [selected.from.sequence, selected.to.sequence];
  }

  copy(rows: HTMLElement, event: ClipboardEvent): void {
    const selected = selectedIn(rows);
    if (selected === null) return;
    const { from, to } = selected;
    const texts = this.#text.here(from.sequence, to.sequence);
    event.preventDefault();
    if (texts !== null) event.clipboardData?.setData("text/plain", textBetween(texts, from.offset, to.offset));
    else void this.#copyFromServer(selected);
  }

  async #copyFromServer({ from, to }: SelectedText): Promise<void> {
    const answer = await this.#text.read(from.sequence, to.sequence);
    if (answer.kind === "failed") return toasts.failed("The lines could not be copied", answer.reason);
    await navigator.clipboard.writeText(textBetween(answer.texts, from.offset, to.offset)).then(
      () => toasts.say({ key: "copied", tone: "good", text: "The selected lines are copied." }),
      () => toasts.failed("It could not be copied", "The browser does not allow it on this page."),
    );
  }
}
