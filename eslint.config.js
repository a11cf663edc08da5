// Only the templates of components: oxlint reads everything else, and their scripts, but not the markup.
import svelte from "eslint-plugin-svelte";
import { parser } from "typescript-eslint";

export default [
  { ignores: ["**/*", "!web/", "!web/src/", "!web/src/**/", "!web/src/**/*.svelte"] },
  ...svelte.configs.recommended,
  {
    files: ["web/src/**/*.svelte"],
    languageOptions: { parserOptions: { parser } },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      // A log is what strangers printed: none of it may ever be read as markup.
      "svelte/no-at-html-tags": "error",
      // Without a key a list that scrolls re-uses the wrong row's state.
      "svelte/require-each-key": "error",
      "svelte/button-has-type": "error",
      "svelte/no-target-blank": "error",
      "svelte/no-dom-manipulating": "error",
      // The pages are served from the root of a host and nowhere else: there is no base to resolve against.
      "svelte/no-navigation-without-resolve": "off",
      // It takes the reason written after a code for more codes. svelte-check, which the comment speaks to, fails on warnings itself.
      "svelte/no-unused-svelte-ignore": "off",
    },
  },
];
