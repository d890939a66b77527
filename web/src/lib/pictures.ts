/** The pictures of a finished job as charts in the page's own colours, from their numbers. */

import type { Schemas } from "./api";
import { axis, tip, tooltip, type Colours, type EChartsOption } from "./charts";
import { count, metricName, number, percent } from "./format";
import { blend, readableOn } from "./mixing";

export type PictureNumbers =
  | Schemas["ConfusionNumbers"]
  | Schemas["RocNumbers"]
  | Schemas["CalibrationNumbers"]
  | Schemas["ResidualNumbers"]
  | Schemas["BoundaryNumbers"]
  | Schemas["LandscapeNumbers"];

/** How a confusion matrix changes with its classes. */
export const MATRIX = {
  /** More classes need the whole width of the view. */
  narrow: 8,
  /** Cells of more classes are too small for their numbers. */
  numbered: 12,
  /** Of more classes, only some names fit beside it; a pointer shows the others. */
  named: 40,
  /** Letters of all names together that fit below it: more are turned. */
  level: 26,
} as const;
const PREDICTION = "prediction";

/** A chart of a job's pictures, as its card shows it. */
export interface Picture {
  readonly id: string;
  readonly title: string;
  /** The figures beside the title. */
  readonly figures: readonly { readonly name: string; readonly value: string }[];
  readonly numbers: PictureNumbers;
}

const TITLES: Readonly<Record<PictureNumbers["picture"], string>> = {
  confusion: "Confusion matrix", roc: "ROC", calibration: "Calibration",
  residuals: "Predicted and true", boundary: "Decision boundary", landscape: "Loss around the weights",
};

/** What is drawn of a picture: one chart, or one for each of several targets, whose units differ. */
export function chartsOf(name: string, numbers: PictureNumbers): Picture[] {
  const title = numbers.picture === "boundary" && numbers.kind === "number" ? "Predicted value" : TITLES[numbers.picture];
  const rows = name.startsWith("test_") ? ", test rows" : "";
  const targets = numbers.picture === "residuals" ? (numbers.targets ?? []) : [];
  if (targets.length === 0) return [{ id: name, title: title + rows, figures: [], numbers }];
  return targets.map((one) => ({
    id: `${name}.${one.target}`,
    title: `${one.target}: predicted and true${rows}`,
    figures: (["mae", "rmse", "r2"] as const).map((key) => ({ name: metricName(key), value: number(one[key]) })),
    numbers: { picture: "residuals", ...one, targets: [] },
  }));
}

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

/** Labels and names of the axes lie inside, however long they are. */
const GRID = { left: 4, right: 12, top: 12, bottom: 4, outerBoundsMode: "same" as const, outerBoundsContain: "all" as const };

/** The name of an axis below its labels. */
const BELOW = { nameGap: 26 };

/** An axis with its name. */
function named(c: Colours, name: string, more: object = {}): object {
  return axis(c, { type: "value", name, nameLocation: "middle", nameGap: 10, scale: true, ...more });
}

function categories(c: Colours, name: string, data: readonly string[], label: object = {}): object {
  const axisLabel = { width: 110, overflow: "truncate" as const, ...label };
  return named(c, name, { type: "category", data: [...data], splitLine: { show: false }, axisLabel });
}

const LEGEND = (c: Colours): object => ({ icon: "circle", itemWidth: 9, itemHeight: 9, textStyle: { color: c.text, fontSize: 12, lineHeight: 18 } });

const legend = (c: Colours): object => ({
  legend: { ...LEGEND(c), type: "scroll", top: 0, left: 0, pageIconColor: c.muted, pageTextStyle: { color: c.muted } },
  grid: { ...GRID, top: 36 },
});

function hover(c: Colours, formatter: (shown: { data: readonly number[]; seriesName: string; value: readonly number[] }) => HTMLElement): object {
  return { ...tooltip(c), trigger: "item", formatter: (shown: unknown) => formatter(shown as never) };
}

function confusion({ labels, counts }: Schemas["ConfusionNumbers"], c: Colours): EChartsOption {
  const most = Math.max(1, ...counts.flat());
  const many = labels.length > MATRIX.numbered;
  const crowded = labels.length > MATRIX.named;
  const every = crowded ? { hideOverlap: true } : { interval: 0, hideOverlap: false };
  const wide = labels.length * Math.max(...labels.map((label) => label.length)) > MATRIX.level;
  const [none, all] = [blend(c.muted, c.surface, 0.1), c.train];
  const cells = counts.flatMap((row, real) => row.map((n, predicted) => [predicted, labels.length - 1 - real, n]));
  return {
    grid: GRID,
    xAxis: { ...categories(c, "predicted", labels, { ...every, ...(many ? { rotate: 60, fontSize: 10 } : wide ? { rotate: 35 } : {}) }), ...BELOW } as never,
    yAxis: categories(c, "true", [...labels].reverse(), { ...every, ...(many ? { fontSize: 10 } : {}) }) as never,
    visualMap: { show: false, min: 0, max: most, inRange: { color: [none, all] } },
    tooltip: hover(c, ({ value: [x = 0, y = 0, n = 0] }) => {
      const real = labels.length - 1 - y;
      const rows = counts[real]?.reduce((sum, one) => sum + one, 0) ?? 0;
      return tip(`true ${labels[real]}, predicted ${labels[x]}`, [{ name: "rows", value: count(n) }, { name: "of its class", value: percent(n / rows) }]);
    }) as never,
    series: [{
      type: "heatmap",
      data: cells.map((cell) => ({ value: cell, label: { color: readableOn(blend(all, none, (cell[2] ?? 0) / most)) } })),
      labelLayout: { hideOverlap: true },
      label: { show: !many, formatter: (cell) => String((cell.value as number[])[2] || "") },
      itemStyle: { borderColor: c.surface, borderWidth: crowded ? 0.5 : many ? 1 : 2, borderRadius: crowded ? 0 : 3 },
    }],
  };
}

const DIAGONAL = (c: Colours): object => ({
  silent: true, symbol: "none", label: { show: false }, lineStyle: { color: c.muted, type: "dashed", width: 1 },
});

function roc({ curves }: Schemas["RocNumbers"], c: Colours): EChartsOption {
  return {
    grid: GRID,
    xAxis: named(c, "false-positive rate", { ...BELOW, min: 0, max: 1 }) as never,
    yAxis: named(c, "true-positive rate", { min: 0, max: 1 }) as never,
    tooltip: hover(c, ({ seriesName, value: [x, y] }) => tip(seriesName, [{ name: "false positives", value: percent(x) }, { name: "true positives", value: percent(y) }])) as never,
    series: curves.map((curve, i) => ({
      type: "line",
      name: curve.label,
      lineStyle: { width: 2, type: i < c.series.length ? "solid" : "dashed" }, // colours come again
      emphasis: { focus: "series" },
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
    xAxis: named(c, "predicted probability", { ...BELOW, min: 0, max: 1 }) as never,
    yAxis: named(c, "share that was so", { min: 0, max: 1 }) as never,
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

function residuals({ predicted, true: real }: Pick<Schemas["TargetNumbers"], "predicted" | "true">, c: Colours): EChartsOption {
  const all = [...predicted, ...real];
  const low = Math.min(...all);
  const high = Math.max(...all);
  return {
    grid: GRID,
    xAxis: named(c, "true", BELOW) as never,
    yAxis: named(c, "predicted") as never,
    tooltip: hover(c, ({ value: [x = 0, y = 0] }) => tip("Row", [{ name: "true", value: number(x) }, { name: "predicted", value: number(y) }, { name: "error", value: number(y - x) }])) as never,
    series: [
      { type: "scatter", color: c.train, symbolSize: 6, itemStyle: { opacity: 0.55 }, data: real.map((x, i) => [x, predicted[i] ?? 0]) },
      // Points of its own, not a mark: both axes reach as far, and neither hides it.
      { ...DIAGONAL(c), type: "line", data: [[low, low], [high, high]] },
    ] as never,
  };
}

function boundary(b: Schemas["BoundaryNumbers"], c: Colours): EChartsOption {
  const [across = "", up = ""] = b.names;
  const cells = b.values.flatMap((row, y) => row.map((value, x) => [x, y, value]));
  const values = cells.map((cell) => cell[2] ?? 0);
  const ofNumbers = b.kind === "number";
  const [min, max] = b.kind === "probability" ? [0, 1] : [Math.min(...values), Math.max(...values)];
  const colour = (value: number): string => c.series[value % c.series.length] ?? c.train;
  const soft = (value: number): string => blend(colour(value), c.surface, 0.42);
  const scale =
    ofNumbers ? [c.surface, c.train]
    : b.kind === "probability" ? [soft(0), c.surface, soft(1)]
    : Array.from({ length: Math.max(2, max - min + 1) }, (_, i) => soft(min + i));
  const hidden = (n: number): object => ({ type: "category", show: false, data: Array.from({ length: n }, (_, i) => String(i)) });
  const shown = (edges: readonly number[], name: string): object =>
    named(c, name, { min: edges[0], max: edges[1], splitLine: { show: false }, axisLabel: { showMinLabel: false, showMaxLabel: false } });
  const rows = (name: string, data: readonly (readonly number[])[], itemStyle: object): object =>
    ({ type: "scatter", name, xAxisIndex: 1, yAxisIndex: 1, symbolSize: 7, data: data.map((point) => [...point]), itemStyle: { borderColor: c.surface, borderWidth: 1, ...itemStyle } });
  const said = b.kind === "probability" ? `probability of ${b.labels[1]}` : ofNumbers ? "value" : "class";
  return {
    ...(ofNumbers ? { grid: GRID } : legend(c)),
    xAxis: [hidden(b.values[0]?.length ?? 0), { ...shown(b.across, across), ...BELOW, position: "bottom" }] as never,
    yAxis: [hidden(b.values.length), { ...shown(b.up, up), position: "left" }] as never,
    visualMap: { show: false, min, max: Math.max(max, min + 1e-9), seriesIndex: ofNumbers ? [0, 1] : 0, dimension: 2, inRange: { color: scale } },
    tooltip: hover(c, ({ seriesName, value: [x = 0, y = 0, what = 0] }) =>
      seriesName === PREDICTION
        ? tip(PREDICTION, [{ name: said, value: b.kind === "class" ? (b.labels[what] ?? "") : number(what) }])
        : tip("Row", [{ name: across, value: number(x) }, { name: up, value: number(y) }, { name: ofNumbers ? "true" : "class", value: ofNumbers ? number(what) : (b.labels[what] ?? "") }])) as never,
    series: [
      { type: "heatmap", name: PREDICTION, xAxisIndex: 0, yAxisIndex: 0, data: cells, progressive: 0, emphasis: { disabled: true } },
      ...(ofNumbers
        ? [rows("row", b.points, { borderColor: c.text })]
        : b.labels.map((label, i) => rows(label, b.points.filter((point) => point[2] === i), { color: colour(i) }))),
    ] as never,
    ...(ofNumbers ? {} : { legend: { ...(legend(c) as { legend: object }).legend, data: [...b.labels] } as never }),
  };
}

function landscape({ losses, span }: Schemas["LandscapeNumbers"], c: Colours): EChartsOption {
  const side = losses.length;
  const at = (i: number): string => number(-span + (2 * span * i) / Math.max(1, side - 1));
  const cells = losses.flatMap((row, y) => row.flatMap((loss, x) => (loss === null ? [] : [[x, y, Math.log10(Math.max(loss, 1e-12)), loss]])));
  const values = cells.map((cell) => cell[2] ?? 0);
  const places = losses.map((_, i) => at(i));
  const few = { interval: Math.max(0, Math.round((side - 1) / 4) - 1) };
  const middle = (side - 1) / 2;
  return {
    grid: { ...GRID, right: 76 },
    xAxis: { ...categories(c, "first direction", places, few), ...BELOW } as never,
    yAxis: categories(c, "second direction", places, few) as never,
    visualMap: {
      right: 0, top: 12, itemWidth: 10, itemHeight: 150, seriesIndex: 0, dimension: 2, min: Math.min(...values), max: Math.max(...values), precision: 4,
      inRange: { color: [c.accent, c.train, c.series[2], c.series[4]] as string[] },
      text: [number(10 ** Math.max(...values)), number(10 ** Math.min(...values))], textStyle: { color: c.muted, fontSize: 12 },
    },
    tooltip: hover(c, ({ seriesName, value: [x = 0, y = 0, , loss] }) => tip(seriesName === "loss" ? `${at(x)}, ${at(y)}` : seriesName, [{ name: "loss", value: number(loss) }])) as never,
    series: [
      { type: "heatmap", name: "loss", data: cells, progressive: 0, emphasis: { disabled: true } },
      { type: "scatter", name: "the trained weights", symbolSize: 10, itemStyle: { color: c.surface, borderColor: c.text, borderWidth: 2 }, data: [[middle, middle, 0, losses[middle]?.[middle] ?? null]] },
    ] as never,
  };
}
