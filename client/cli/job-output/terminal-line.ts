type Cell = { character: string; style: string };

/** A line of a terminal is not longer. */
const MAX_CELLS = 4_096;
const RESET = "\u001B[0m";
/** Colours, erasing within the line, moving within the line, and showing or hiding the cursor: all that a progress line needs. */
// oxlint-disable-next-line no-control-regex -- control characters are what this looks for
const PART = /\u001b\[([0-9;:]*)([mKCDG])|\u001b\[\?25[hl]|([\s\S])/gu;

/** One line of a terminal, on which a program goes back and writes over what it wrote before. */
export class TerminalLine {
  #cells: Cell[] = [];
  #column = 0;
  #pen = "";
  /** It did what one line cannot show, such as moving to another. */
  #isBeyond = false;

  write(text: string): void {
    for (const [sequence, parameters = "", command, character] of text.matchAll(PART)) {
      if (character !== undefined) this.#put(character);
      else if (command === "m") this.#paint(sequence, parameters);
      else if (command !== undefined) this.#move(command, parameters === "" ? null : Number(parameters));
    }
  }

  /** What the line shows now, or null when a single line cannot show it. */
  get text(): string | null {
    if (this.#isBeyond) return null;
    let text = "";
    let style = "";
    for (const cell of this.#cells) {
      text += restyle(style, cell.style) + cell.character;
      style = cell.style;
    }
    return text + restyle(style, this.#pen);
  }

  #put(character: string): void {
    if (character === "\r") this.#column = 0;
    else if (character === "\b") this.#column = Math.max(0, this.#column - 1);
    else if (character === "\u001B" || this.#column >= MAX_CELLS) this.#isBeyond = true;
    else {
      this.#fill();
      this.#cells[this.#column] = { character, style: this.#pen };
      this.#column += 1;
    }
  }

  #paint(sequence: string, parameters: string): void {
    if (parameters === "" || parameters === "0") this.#pen = "";
    else this.#pen = parameters.startsWith("0;") ? sequence : this.#pen + sequence;
    // A program that never resets its colours would collect them for ever.
    if (this.#pen.length > MAX_CELLS) this.#isBeyond = true;
  }

  #move(command: string, parameter: number | null): void {
    if (Number.isNaN(parameter) || (parameter ?? 0) > MAX_CELLS) this.#isBeyond = true;
    else if (command === "G") this.#column = Math.max(1, parameter ?? 1) - 1;
    else if (command === "C") this.#column = Math.min(MAX_CELLS, this.#column + Math.max(1, parameter ?? 1));
    else if (command === "D") this.#column = Math.max(0, this.#column - Math.max(1, parameter ?? 1));
    else this.#erase(parameter ?? 0);
  }

  #erase(which: number): void {
    if (which === 0) this.#cells.length = Math.min(this.#cells.length, this.#column);
    else if (which === 2) this.#cells.length = 0;
    else {
      for (let column = 0; column <= this.#column && column < this.#cells.length; column += 1) {
        this.#cells[column] = { character: " ", style: "" };
      }
    }
  }

  /** Blanks up to the column, where the cursor stands behind the end. */
  #fill(): void {
    while (this.#cells.length < this.#column) this.#cells.push({ character: " ", style: "" });
  }
}

function restyle(from: string, to: string): string {
  if (from === to) return "";
  if (to.startsWith(from)) return to.slice(from.length);
  return RESET + to;
}
