import type { ChartAxis, Extent } from "./metric-charts.ts";
import type { Point } from "../../../../../protocol/metric-series.ts";

/** What all charts of a run share: what their width stands for, the part one looks at, and where one points. */
export class MetricCursor {
  axis: ChartAxis = $state("time");
  /** Null: the whole run. */
  zoom: Extent | null = $state.raw(null);
  x: number | null = $state(null);
  /** The recorded value nearest to where one points, in the chart one points at: it stands for the place in the log. */
  point: Point | null = $state.raw(null);

  pointAt(x: number | null, point: Point | null): void {
    this.x = x;
    // What one pointed at last stays, so that its link can be reached.
    if (point !== null) this.point = point;
  }

  chooseAxis(axis: ChartAxis): void {
    this.axis = axis;
    this.zoom = null;
    this.x = null;
  }
}
