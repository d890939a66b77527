import { expect, test } from "vitest";
import { needed, nextSort, range, squeezed, visible, type Column } from "./table";

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
  expect(needed(columns, 0.92)).toBe(1120); // and where there is less, the table scrolls
  expect(needed([{ id: "a parameter", title: "" }], 1)).toBe(96);
});

test("a choice of many goes from the row that was chosen last, wherever that is now", () => {
  const keys = ["new", "a", "b", "c", "d"];
  expect(range(keys, "a", 3)).toEqual(["a", "b", "c"]);
  expect(range(keys, "d", 3)).toEqual(["c", "d"]);
  expect(range(keys, "gone", 3)).toEqual(["c"]);
  expect(range(keys, null, 3)).toEqual(["c"]);
});
