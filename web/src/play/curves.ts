/** The chart of one or several curves by epoch. */

import { axis, REACH, tip, tooltip, type Colours, type EChartsOption } from "../lib/charts";
import { metric, tick } from "../lib/format";

export interface Line {
  readonly name: string;
  readonly colour: string;
  readonly dashed?: boolean;
  /** [epoch, value]; a value that is no number is a gap. */
  readonly points: readonly (readonly [number, number | null])[];
}

/** Lines of `name` (a metric, which says how values are written), and a mark at one epoch. */
export function lines(c: Colours, name: string, of: readonly Line[], mark: number | null = null, log = false): EChartsOption {
  return {
    tooltip: {
      ...tooltip(c),
      trigger: "axis",
      formatter: (found: unknown) => {
        const rows = found as { seriesName: string; color: string; value: readonly [number, number | null] }[];
        return tip(
          `Epoch ${rows[0]?.value[0] ?? ""}`,
          rows.map((row) => ({ colour: row.color, name: row.seriesName, value: metric(name, row.value[1]) })),
        );
      },
    },
    xAxis: axis(c, { type: "value" as const, ...REACH, minInterval: 1, splitLine: { show: false } }),
    yAxis: axis(c, {
      type: log ? ("log" as const) : ("value" as const),
      ...(name.includes("accuracy") ? { max: 1, min: (seen: { min: number }) => Math.max(0, Math.floor(seen.min * 10 - 0.01) / 10), minInterval: 0.05 } : {}),
      splitNumber: 4,
      axisLabel: { formatter: (value: number) => tick(value, name) },
    }),
    series: of.map((line, i) => ({
      type: "line",
      name: line.name,
      color: line.colour,
      lineStyle: { width: 2, type: line.dashed === true ? "dashed" : "solid" },
      showSymbol: line.points.length === 1,
      sampling: "lttb",
      data: line.points as [number, number][],
      ...(i === 0 && mark !== null
        ? { markLine: { silent: true, symbol: "none", label: { show: false }, lineStyle: { color: c.muted, type: "dotted" }, data: [{ xAxis: mark }] } }
        : {}),
    })),
  };
}
