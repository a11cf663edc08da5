/** Text as it may stand in HTML and XML, between tags and in quoted attributes. */
export const escapeMarkup = (text: string): string =>
  replaceUnwritable(text).replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

/** Text as Markdown shows it, in one line: a backslash before every ASCII punctuation mark takes its meaning away. */
export const escapeMarkdown = (text: string): string =>
  replaceUnwritable(text)
    .replaceAll(/\s+/g, " ")
    .replaceAll(/[!-/:-@[-`{-~]/g, (character) => `\\${character}`);

/** What XML cannot hold, even escaped: one such character would make the whole image unreadable. */
const replaceUnwritable = (text: string): string =>
  // oxlint-disable-next-line no-control-regex -- control characters are what this looks for.
  text.toWellFormed().replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufffe\uffff]/g, "\ufffd");
