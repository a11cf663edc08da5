import { TIME_MODES, type TimeMode } from "./time-column.ts";

const STORED_AS = "runcast.console";

/** How one likes to read a console; remembered on this device. */
class ConsoleOptions {
  #isWrapped = $state(false);
  #time: TimeMode = $state("off");

  constructor() {
    const [wrap, time] = (localStorage.getItem(STORED_AS) ?? "").split(" ");
    this.#isWrapped = wrap === "wrap";
    this.#time = TIME_MODES.find((mode) => mode === time) ?? "off";
  }

  get isWrapped(): boolean {
    return this.#isWrapped;
  }
  set isWrapped(isWrapped: boolean) {
    this.#isWrapped = isWrapped;
    this.#store();
  }

  get time(): TimeMode {
    return this.#time;
  }
  set time(time: TimeMode) {
    this.#time = time;
    this.#store();
  }

  #store(): void {
    localStorage.setItem(STORED_AS, `${this.#isWrapped ? "wrap" : "nowrap"} ${this.#time}`);
  }
}

export const consoleOptions = new ConsoleOptions();
