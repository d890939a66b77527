import { expect, test } from "vitest";
import { nextSort, squeezed, visible, type Column } from "./table";

test("the rows that are drawn are those that are seen, and some more", () => {
  expect(visible(0, 400, 40, 10_000, 8)).toEqual({ first: 0, last: 18 });
  expect(visible(40_000, 400, 40, 10_000, 8)).toEqual({ first: 992, last: 1018 });
  expect(visible(399_600, 400, 40, 10_000, 8)).toEqual({ first: 9982, last: 10_000 });
  expect(visible(4000, 400, 40, 3)).toEqual({ first: 3, last: 3 });
});

test("a click on a title sorts, then the other way, then not", () => {
  expect(nextSort("", "val_loss", false)).toBe("val_loss");
  expect(nextSort("val_loss", "val_loss", false)).toBe("-val_loss");
  expect(nextSort("-val_loss", "val_loss", false)).toBe("");
  expect(nextSort("val_loss", "val_accuracy", true)).toBe("-val_accuracy");
});

test("columns with a width give way to one that needs some", () => {
  const columns: Column<never>[] = [{ id: "name", title: "", least: 200 }, { id: "a", title: "", width: 400 }, { id: "b", title: "", width: 600 }];
  expect(squeezed(columns, 1400)).toBe(1);
  expect(squeezed(columns, 1150)).toBeCloseTo(0.95);
  expect(squeezed(columns, 300)).toBe(0.92);
  expect(squeezed(columns.slice(1), 300)).toBe(1);
});
