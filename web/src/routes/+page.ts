import { redirect } from "@sveltejs/kit";

/** The workspace that exists from the start is the front page. */
export function load(): never {
  redirect(307, "/w/default");
}
