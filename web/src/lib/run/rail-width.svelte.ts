const STORED_AS = "runcast.steps-width";
const LEAST_PX = 140;
const MOST_PX = 480;

/** How wide the steps beside the console are; remembered on this device. */
class RailWidth {
  readonly least = LEAST_PX;
  readonly most = MOST_PX;
  #px = $state(bounded(Number(localStorage.getItem(STORED_AS) ?? 220)));

  get px(): number {
    return this.#px;
  }

  set(px: number): void {
    this.#px = bounded(px);
    localStorage.setItem(STORED_AS, String(this.#px));
  }
}

function bounded(px: number): number {
  return Number.isFinite(px) ? Math.round(Math.min(MOST_PX, Math.max(LEAST_PX, px))) : 220;
}

export const railWidth = new RailWidth();
