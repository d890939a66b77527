import { expect, test } from "vitest";
import type { Colours } from "./charts";
import { blend, contrast } from "./mixing";
import { chartsOf, pictureOption } from "./pictures";

const c: Colours = {
  text: "#000", muted: "#888", line: "#ddd", surface: "#fff", accent: "#00f", train: "#0072b2", val: "#d55e00", test: "#8a5a97",
  good: "#0f0", bad: "#f00", series: ["#0072b2", "#d55e00", "#008f69"], font: "sans",
};

test("a boundary's cells are opaque colours, and each class of rows has its legend", () => {
  const option = pictureOption({
    picture: "boundary", kind: "probability", names: ["x 1", "x 2"], across: [0, 1], up: [0, 1], labels: ["no", "yes"],
    values: [[0.1, 0.9], [0.2, 0.8]], points: [[0.5, 0.5, 1]],
  }, c) as { visualMap: { inRange: { color: string[] } }; series: { name: string; data: unknown[] }[] };
  expect(option.visualMap.inRange.color).toEqual(["#94c4df", "#fff", "#edbb94"]);
  expect(option.series.map(({ name, data }) => [name, data.length])).toEqual([["prediction", 4], ["no", 0], ["yes", 1]]);
});

test("a loss that is not finite leaves a hole in the landscape", () => {
  const option = pictureOption({ picture: "landscape", part: "val", rows: 9, span: 1, losses: [[1, null], [10, 100]] }, c) as { series: { data: unknown[] }[] };
  expect(option.series[0]?.data).toEqual([[0, 0, 0, 1], [0, 1, 1, 10], [1, 1, 2, 100]]);
});

test("every class of a matrix has its label, turned where they are too long to stand beside each other", () => {
  const axis = (labels: string[]): unknown =>
    (pictureOption({ picture: "confusion", labels, counts: labels.map(() => labels.map(() => 1)) }, c) as { xAxis: { axisLabel: object } }).xAxis.axisLabel;
  expect(axis(["no", "yes"])).toMatchObject({ interval: 0, hideOverlap: false });
  expect(axis(["no", "yes"])).not.toHaveProperty("rotate");
  expect(axis(["yes", "no", "perhaps one day"])).toMatchObject({ interval: 0, rotate: 35 });
});

test("the numbers of a matrix are read on every cell, in both themes", () => {
  const themes = [c, { ...c, muted: "#929cae", surface: "#1a202d", train: "#56b4e9" }];
  for (const theme of themes) {
    const counts = [Array.from({ length: 101 }, (_, n) => n)];
    const { series, visualMap } = pictureOption({ picture: "confusion", labels: ["a"], counts }, theme) as {
      series: { data: { value: number[]; label: { color: string } }[] }[];
      visualMap: { inRange: { color: [string, string] } };
    };
    const [low, high] = visualMap.inRange.color;
    for (const { value, label } of series[0]?.data ?? []) expect(contrast(label.color, blend(high, low, (value[2] ?? 0) / 100))).toBeGreaterThanOrEqual(4.5);
  }
});

test("both axes of predicted and true values reach as far as the line on which they are equal", () => {
  const option = pictureOption({ picture: "residuals", predicted: [20, 250], true: [0, 300], edges: [], counts: [], targets: [] }, c) as { series: { data: number[][] }[] };
  expect(option.series[1]?.data).toEqual([[0, 0], [300, 300]]);
});

test("the ends of an axis of large numbers are written as its other numbers are", () => {
  const { xAxis } = pictureOption({
    picture: "boundary", kind: "number", names: ["tiny", "huge"], across: [-1e-12, 1e-12], up: [-1e15, 1e15], labels: [], values: [[1]], points: [],
  }, c) as { xAxis: { axisLabel: { formatter: (value: number) => string } }[] };
  expect(xAxis[1]?.axisLabel.formatter(-1e-12)).toBe("-1e-12");
});

test("each of several targets has its chart and its figures", () => {
  const one = { predicted: [1], true: [1], edges: [], counts: [] };
  const targets = [{ target: "kg", mae: 0.5, rmse: 1, r2: null, ...one }, { target: "euro", mae: 300, rmse: 400, r2: 0.5, ...one }];
  const charts = chartsOf("test_residuals", { picture: "residuals", ...one, targets });
  expect(charts.map(({ title, figures }) => [title, figures[0]?.value])).toEqual([["kg: predicted and true, test rows", "0.5"], ["euro: predicted and true, test rows", "300"]]);
  expect(chartsOf("residuals", { picture: "residuals", ...one, targets: [] }).map(({ title }) => title)).toEqual(["Predicted and true"]);
});
