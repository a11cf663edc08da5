/** Everything shown is live and behind sign-in: the pages are drawn in the browser, one static page serves them all. */
export const ssr = false;
export const prerender = false;
