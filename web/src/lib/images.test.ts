import { expect, test } from "vitest";
import { grouped, shownSize } from "./images";

const image = (row: number, label: string): { row: number; label: string; href: string } => ({ row, label, href: `/${row}.png` });

test("images are grouped by class with the class's rows, in the order of the API", () => {
  const html = "<b>cat</b>";
  const found = grouped([image(3, html), image(9, html), image(0, "7")], [{ value: html, count: 40 }, { value: "7", count: 1 }]);
  expect(found.map(({ label, images, total }) => [label, images.map(({ row }) => row), total])).toEqual([[html, [3, 9], 40], ["7", [0], 1]]);
});

test("numbers to predict have no totals", () => {
  expect(grouped([image(0, "0.5"), image(1, "1"), image(2, "0.5")], []).map(({ label, images, total }) => [label, images.length, total])).toEqual([["0.5", 2, null], ["1", 1, null]]);
});

test("small images grow by whole steps, large ones shrink, and sides keep their proportion", () => {
  expect([[1, 8, 8], [1, 28, 28], [3, 32, 32], [3, 64, 48], [3, 256, 128], [1, 1, 500], [3, 12, 10]].map(shownSize)).toEqual(
    [[64, 64], [56, 56], [64, 64], [48, 64], [32, 64], [64, 1], [50, 60]],
  );
});
