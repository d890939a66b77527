/** The pictures of a finished job as charts in the page's own colours, from their numbers. */

import type { Schemas } from "./api";
import { axis, tip, tooltip, type Colours, type EChartsOption } from "./charts";
import { count, number, percent } from "./format";

export type PictureNumbers =
  | Schemas["ConfusionNumbers"]
  | Schemas["RocNumbers"]
  | Schemas["CalibrationNumbers"]
  | Schemas["ResidualNumbers"]
  | Schemas["BoundaryNumbers"]
  | Schemas["LandscapeNumbers"];

const MOST_CELL_TEXTS = 12;

/** The option of a picture. */
export function pictureOption(numbers: PictureNumbers, c: Colours): EChartsOption {
  switch (numbers.picture) {
    case "confusion":
      return confusion(numbers, c);
    case "roc":
      return roc(numbers, c);
    case "calibration":
      return calibration(numbers, c);
    case "residuals":
      return residuals(numbers, c);
    case "boundary":
      return boundary(numbers, c);
    case "landscape":
      return landscape(numbers, c);
  }
}

const GRID = { left: 24, right: 16, top: 16, bottom: 28, outerBoundsMode: "same" as const, outerBoundsContain: "axisLabel" as const };

function named(c: Colours, name: string, more: object = {}): object {
  return axis(c, { type: "value", name, nameLocation: "middle", nameGap: 28, scale: true, ...more });
}

function hover(c: Colours, formatter: (shown: { data: readonly number[]; seriesName: string; value: readonly number[] }) => HTMLElement): object {
  return { ...tooltip(c), trigger: "item", formatter: (shown: unknown) => formatter(shown as never) };
}

function confusion({ labels, counts }: Schemas["ConfusionNumbers"], c: Colours): EChartsOption {
  const most = Math.max(1, ...counts.flat());
  const cells = counts.flatMap((row, real) => row.map((n, predicted) => [predicted, labels.length - 1 - real, n]));
  const side = { type: "category" as const, splitArea: { show: false }, splitLine: { show: false } };
  return {
    grid: GRID,
    xAxis: axis(c, { ...side, data: [...labels], name: "predicted", nameLocation: "middle" as const, nameGap: 26 }) as never,
    yAxis: axis(c, { ...side, data: [...labels].reverse(), name: "true", nameLocation: "middle" as const, nameGap: 44 }) as never,
    visualMap: { show: false, min: 0, max: most, inRange: { color: [c.surface, c.train] } },
    tooltip: hover(c, ({ data: [x = 0, y = 0, n = 0] }) => {
      const real = labels.length - 1 - y;
      const all = counts[real]?.reduce((sum, one) => sum + one, 0) ?? 0;
      return tip(`true ${labels[real]}, predicted ${labels[x]}`, [{ name: "rows", value: count(n) }, { name: "of its class", value: percent(n / all) }]);
    }) as never,
    series: [{
      type: "heatmap",
      data: cells.map((cell) => ({ value: cell, label: { color: (cell[2] ?? 0) > most / 2 ? c.surface : c.text } })),
      label: { show: labels.length <= MOST_CELL_TEXTS, formatter: (cell) => String((cell.value as number[])[2] || "") },
      itemStyle: { borderColor: c.surface, borderWidth: 2, borderRadius: 4 },
    }],
  };
}

const DIAGONAL = (c: Colours): object => ({
  silent: true, symbol: "none", label: { show: false }, lineStyle: { color: c.muted, type: "dashed", width: 1 },
});

function roc({ curves }: Schemas["RocNumbers"], c: Colours): EChartsOption {
  return {
    grid: { ...GRID, top: 40 },
    legend: { type: "scroll", top: 0, left: 0, itemWidth: 16, itemHeight: 3, icon: "roundRect", textStyle: { color: c.text, fontSize: 12 } },
    xAxis: named(c, "false-positive rate", { min: 0, max: 1 }) as never,
    yAxis: named(c, "true-positive rate", { min: 0, max: 1, nameGap: 34 }) as never,
    tooltip: hover(c, ({ seriesName, value: [x, y] }) => tip(seriesName, [{ name: "false positives", value: percent(x) }, { name: "true positives", value: percent(y) }])) as never,
    series: curves.map((curve, i) => ({
      type: "line",
      name: `${curve.label} (AUC ${number(curve.auc)})`,
      step: "end",
      symbolSize: 4,
      showSymbol: false,
      sampling: "lttb",
      data: curve.false_positive.map((x, at) => [x, curve.true_positive[at] ?? 0]),
      ...(i === 0 ? { markLine: { ...DIAGONAL(c), data: [[{ coord: [0, 0] }, { coord: [1, 1] }]] } } : {}),
    })) as never,
  };
}

function calibration({ bins }: Schemas["CalibrationNumbers"], c: Colours): EChartsOption {
  const most = Math.max(1, ...bins.map((bin) => bin.rows));
  return {
    grid: GRID,
    xAxis: named(c, "predicted probability", { min: 0, max: 1 }) as never,
    yAxis: named(c, "share that was so", { min: 0, max: 1, nameGap: 34 }) as never,
    tooltip: hover(c, ({ value: [x, y, n] }) => tip(`${count(n ?? 0)} rows`, [{ name: "predicted", value: percent(x) }, { name: "was so", value: percent(y) }])) as never,
    series: [{
      type: "line",
      color: c.train,
      data: bins.map((bin) => [bin.predicted, bin.observed, bin.rows]),
      symbol: "circle",
      symbolSize: (value: number[]) => 6 + 14 * Math.sqrt((value[2] ?? 0) / most),
      itemStyle: { opacity: 0.85 },
      markLine: { ...DIAGONAL(c), data: [[{ coord: [0, 0] }, { coord: [1, 1] }]] },
    }] as never,
  };
}

function residuals({ predicted, true: real }: Schemas["ResidualNumbers"], c: Colours): EChartsOption {
  const all = [...predicted, ...real];
  const low = Math.min(...all);
  const high = Math.max(...all);
  return {
    grid: { ...GRID, left: 30 },
    xAxis: named(c, "true") as never,
    yAxis: named(c, "predicted", { nameGap: 44 }) as never,
    tooltip: hover(c, ({ value: [x = 0, y = 0] }) => tip("Row", [{ name: "true", value: number(x) }, { name: "predicted", value: number(y) }, { name: "error", value: number(y - x) }])) as never,
    series: [{
      type: "scatter",
      color: c.train,
      symbolSize: 6,
      itemStyle: { opacity: 0.55 },
      data: real.map((x, i) => [x, predicted[i] ?? 0]),
      markLine: { ...DIAGONAL(c), data: [[{ coord: [low, low] }, { coord: [high, high] }]] },
    }] as never,
  };
}

function boundary(b: Schemas["BoundaryNumbers"], c: Colours): EChartsOption {
  const [across = "", up = ""] = b.names;
  const cells = b.values.flatMap((row, y) => row.map((value, x) => [x, y, value]));
  const values = cells.map((cell) => cell[2] ?? 0);
  const [min, max] = b.kind === "probability" ? [0, 1] : [Math.min(...values), Math.max(...values)];
  const classes = b.labels.length;
  const colour = (value: number): string => c.series[b.kind === "number" ? 0 : value % c.series.length] ?? c.train;
  const hidden = { type: "category" as const, show: false };
  const shown = (edges: readonly number[], name: string): object => named(c, name, { min: edges[0], max: edges[1], splitLine: { show: false } });
  return {
    grid: GRID,
    xAxis: [{ ...hidden, data: b.values[0]?.map((_, i) => String(i)) ?? [] }, { ...shown(b.across, across), position: "bottom" }] as never,
    yAxis: [{ ...hidden, data: b.values.map((_, i) => String(i)) }, { ...shown(b.up, up), position: "left", nameGap: 34 }] as never,
    visualMap: {
      show: false, min, max: Math.max(max, min + 1e-9), seriesIndex: 0, dimension: 2,
      inRange: { color: b.kind === "class" ? Array.from({ length: Math.max(2, classes) }, (_, i) => colour(i)) : b.kind === "number" ? [c.surface, c.train] : [colour(0), c.surface, colour(1)] },
    },
    tooltip: hover(c, ({ seriesName, value: [x = 0, y = 0, what = 0] }) =>
      tip(seriesName, [
        ...(seriesName === "row" ? [{ name: across, value: number(x) }, { name: up, value: number(y) }] : []),
        { name: b.kind === "probability" && seriesName !== "row" ? `probability of ${b.labels[1]}` : b.kind === "number" ? "value" : "class", value: b.kind === "number" || (b.kind === "probability" && seriesName !== "row") ? number(what) : (b.labels[what] ?? "") },
      ])) as never,
    series: [
      { type: "heatmap", name: "prediction", xAxisIndex: 0, yAxisIndex: 0, data: cells, progressive: 0, itemStyle: { opacity: 0.45 }, emphasis: { disabled: true } },
      { type: "scatter", name: "row", xAxisIndex: 1, yAxisIndex: 1, symbolSize: 6, data: b.points.map((point) => ({ value: [...point], itemStyle: { color: colour(point[2] ?? 0), borderColor: c.surface, borderWidth: 1 } })) },
    ] as never,
  };
}

function landscape({ losses, span }: Schemas["LandscapeNumbers"], c: Colours): EChartsOption {
  const side = losses.length;
  const at = (i: number): string => number(-span + (2 * span * i) / Math.max(1, side - 1));
  const cells = losses.flatMap((row, y) => row.flatMap((loss, x) => (loss === null ? [] : [[x, y, Math.log10(Math.max(loss, 1e-12)), loss]])));
  const values = cells.map((cell) => cell[2] ?? 0);
  const line = { type: "category" as const, data: losses.map((_, i) => at(i)), splitLine: { show: false } };
  return {
    grid: { ...GRID, right: 48 },
    xAxis: axis(c, { ...line, name: "first direction", nameLocation: "middle" as const, nameGap: 26 }) as never,
    yAxis: axis(c, { ...line, name: "second direction", nameLocation: "middle" as const, nameGap: 40 }) as never,
    visualMap: { show: false, min: Math.min(...values), max: Math.max(...values), dimension: 2, inRange: { color: [c.accent, c.train, c.series[2], c.series[4], c.val] as string[] } },
    tooltip: hover(c, ({ value: [x = 0, y = 0, , loss] }) => tip(`${at(x)}, ${at(y)}`, [{ name: "loss", value: number(loss) }])) as never,
    series: [{ type: "heatmap", data: cells, progressive: 0, itemStyle: { opacity: 0.85 }, emphasis: { disabled: true } }] as never,
  };
}
