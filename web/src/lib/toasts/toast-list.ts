export type Tone = "quiet" | "good" | "warning" | "bad";
/** Something that happened, in words. `key`: a newer one of the same matter takes its place. */
export type Toast = { id: number; key: string; text: string; tone: Tone; action?: { label: string; href: string } };
export type NewToast = Omit<Toast, "id">;

/** More than these cannot be read; the oldest goes. */
const MOST_SHOWN = 3;

export function addToast(list: readonly Toast[], id: number, toast: NewToast): Toast[] {
  return [...list.filter(({ key }) => key !== toast.key), { ...toast, id }].slice(-MOST_SHOWN);
}

/** Long enough to be read twice; what failed stays until it is dismissed. */
export const shownForMs = ({ tone, text }: NewToast): number | null =>
  tone === "bad" ? null : 4_000 + 40 * text.length;
