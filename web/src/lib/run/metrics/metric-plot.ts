import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { formatClock, formatSpan } from "../../format/duration.ts";
import { formatCount } from "../../format/number.ts";
import { ticksOf } from "../step-times.ts";
import { exponentOf, labelsOf, marksOf, rangeOf } from "./metric-axis.ts";
import type { ChartAxis, Extent, Joined } from "./metric-charts.ts";

export type PlotColours = { lines: string[]; text: string; grid: string };
export type PlotEvents = {
  /** Where one points; null: no longer at the chart. */
  onPoint: (x: number | null) => void;
  /** A part was chosen, to be looked at closer. */
  onZoom: (extent: Extent) => void;
  /** What one points at was clicked. */
  onPick: () => void;
};

/** Lines are told from each other without their colours, too. */
export const DASHES: readonly (readonly number[])[] = [
  [],
  [7, 3],
  [2, 2],
  [7, 3, 2, 3],
  [12, 3],
  [4, 4],
  [1, 3],
  [12, 3, 2, 3],
];
const FONT = '11px "Inter Variable", system-ui, sans-serif';
const X_MARK_PX = 90;
const Y_MARK_PX = 26;
/** Half of what a mark's label takes: one that stands nearer to the end would be cut off. */
const LABEL_PX = 30;
/** A shorter drag is a click that shook. */
const DRAG_PX = 5;

/** One chart on a canvas. Knows nothing of runs: numbers come in, and where one points goes out. */
export class MetricPlot {
  readonly #plot: uPlot;
  #colours: PlotColours;
  #axis: ChartAxis = "time";
  #extent: Extent = { from: 0, to: 1 };
  #exponent = 0;

  constructor(
    host: HTMLElement,
    options: { lines: number; width: number; height: number; colours: PlotColours },
    events: PlotEvents,
  ) {
    this.#colours = options.colours;
    const { width, height, lines } = options;
    this.#plot = new uPlot(
      {
        width,
        height,
        padding: [8, 8, 0, 0],
        legend: { show: false },
        scales: {
          x: { time: false, range: () => [this.#extent.from, this.#extent.to] },
          y: { range: (_, low, high) => rangeOf(low, high) },
        },
        series: [{}, ...Array.from({ length: lines }, (_, line) => this.#lineOf(line))],
        axes: [this.#xAxis(), this.#yAxis()],
        cursor: {
          y: false,
          hover: { skip: [undefined, null] },
          points: { size: 6 },
          drag: { x: true, y: false, setScale: false, dist: DRAG_PX },
          bind: { dblclick: () => () => null },
        },
        hooks: {
          setCursor: [() => events.onPoint(this.#pointed())],
          setSelect: [() => this.#zoomed(events)],
        },
      },
      undefined,
      host,
    );
    this.#listen(events);
  }

  draw({ xs, ys }: Joined, axis: ChartAxis, extent: Extent): void {
    this.#axis = axis;
    this.#extent = extent;
    let size = 0;
    for (const line of ys) for (const value of line) if (value !== null) size = Math.max(size, Math.abs(value));
    this.#exponent = exponentOf(size);
    const unit = 10 ** this.#exponent;
    const lines = unit === 1 ? ys : ys.map((line) => line.map((value) => (value === null ? null : value / unit)));
    this.#plot.setData([xs, ...lines]);
  }

  /** Marks a place that one points at elsewhere. */
  point(x: number | null): void {
    const isHere = x !== null && x >= this.#extent.from && x <= this.#extent.to && this.#plot.scales["x"]?.min != null;
    const left = isHere ? this.#plot.valToPos(x, "x") : -10;
    this.#plot.setCursor({ left, top: isHere ? 0 : -10 }, false);
  }

  resize(width: number, height: number): void {
    this.#plot.setSize({ width, height });
  }

  recolour(colours: PlotColours): void {
    this.#colours = colours;
    this.#plot.redraw(false, false);
  }

  destroy(): void {
    this.#plot.destroy();
  }

  #lineOf(line: number): uPlot.Series {
    return {
      stroke: () => this.#colours.lines[line] ?? this.#colours.text,
      width: 1.5,
      dash: [...(DASHES[line] ?? [])],
      spanGaps: true,
    };
  }

  #xAxis(): uPlot.Axis {
    return {
      ...this.#axisLook(),
      size: 24,
      splits: (plot, _, from, to) => {
        const most = Math.max(1, Math.floor(plot.width / X_MARK_PX));
        if (this.#axis === "line") return marksOf(from, to, most);
        return ticksOf(to, (most * to) / Math.max(1, to - from)).filter((tick) => tick >= from);
      },
      values: (plot, marks) =>
        marks.map((mark) => {
          if (plot.valToPos(mark, "x") > plot.over.clientWidth - LABEL_PX) return "";
          if (this.#axis === "line") return formatCount(mark);
          return this.#extent.to - this.#extent.from < 5_000 ? formatSpan(mark) : formatClock(mark);
        }),
    };
  }

  #yAxis(): uPlot.Axis {
    return {
      ...this.#axisLook(),
      // As wide as what is written there; charts below each other mostly agree.
      size: (_, labels) => Math.max(48, 14 + 6.5 * Math.max(0, ...(labels ?? []).map(({ length }) => length))),
      splits: (plot, _, low, high) => marksOf(low, high, Math.max(1, Math.floor(plot.height / Y_MARK_PX) - 1)),
      values: (_, marks) => labelsOf(marks, this.#exponent),
    };
  }

  #axisLook(): uPlot.Axis {
    return {
      font: FONT,
      gap: 6,
      stroke: () => this.#colours.text,
      grid: { stroke: () => this.#colours.grid, width: 1 },
      ticks: { show: false },
    };
  }

  #pointed(): number | null {
    const { left } = this.#plot.cursor;
    if (left === undefined || left < 0) return null;
    const x = this.#plot.posToVal(left, "x");
    return Number.isFinite(x) ? x : null;
  }

  #zoomed({ onZoom }: PlotEvents): void {
    const { left, width } = this.#plot.select;
    if (width < DRAG_PX) return;
    const extent = { from: this.#plot.posToVal(left, "x"), to: this.#plot.posToVal(left + width, "x") };
    this.#plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    onZoom(extent);
  }

  /** A finger points first, and what it points at is followed by the link; a mouse has pointed already. */
  #listen({ onPoint, onPick }: PlotEvents): void {
    const { over } = this.#plot;
    let isTouch = false;
    const pointAt = (event: MouseEvent): void =>
      onPoint(this.#plot.posToVal(event.clientX - over.getBoundingClientRect().left, "x"));
    const touch = (event: PointerEvent): void => {
      isTouch = event.pointerType === "touch";
      if (isTouch) pointAt(event);
    };
    over.addEventListener("pointerdown", touch);
    over.addEventListener("pointermove", touch);
    over.addEventListener("click", (event) => {
      if (isTouch) return;
      // A move is told of a frame later: a quick hand clicks before that.
      pointAt(event);
      onPick();
    });
  }
}
