/** The key that `static/theme.js` reads before the first paint. */
const STORED_AS = "runcast.theme";

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

/** The chosen theme; "system" follows the device. Remembered on this device. */
class ThemeChoice {
  #chosen: Theme = $state(THEMES.find((theme) => theme === localStorage.getItem(STORED_AS)) ?? "system");

  get chosen(): Theme {
    return this.#chosen;
  }

  set chosen(theme: Theme) {
    this.#chosen = theme;
    if (theme === "system") {
      localStorage.removeItem(STORED_AS);
      delete document.documentElement.dataset["theme"];
    } else {
      localStorage.setItem(STORED_AS, theme);
      document.documentElement.dataset["theme"] = theme;
    }
  }
}

export const themeChoice = new ThemeChoice();
