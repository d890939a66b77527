import { expect, test } from "vitest";
import type { Colours } from "./charts";
import { pictureOption } from "./pictures";

const c: Colours = {
  text: "#000", muted: "#888", line: "#ddd", surface: "#fff", accent: "#00f", train: "#0072b2", val: "#d55e00", test: "#8a5a97",
  good: "#0f0", bad: "#f00", series: ["#0072b2", "#d55e00", "#008f69"], font: "sans",
};

test("a boundary's cells are opaque colours, and each class of rows has its legend", () => {
  const option = pictureOption({
    picture: "boundary", kind: "probability", names: ["x 1", "x 2"], across: [0, 1], up: [0, 1], labels: ["no", "yes"],
    values: [[0.1, 0.9], [0.2, 0.8]], points: [[0.5, 0.5, 1]],
  }, c) as { visualMap: { inRange: { color: string[] } }; series: { name: string; data: unknown[] }[] };
  expect(option.visualMap.inRange.color).toEqual(["rgb(148,196,223)", "#fff", "rgb(237,187,148)"]);
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
