import { expect, test } from "vitest";
import { planes } from "./pixels";

test("a picture becomes planes in the model's own scale", () => {
  const rgba = [255, 0, 51, 255, 255, 255, 255, 255]; // two pixels
  expect(planes(rgba, [3, 1, 2], 0, 255)).toEqual([[[255, 255]], [[0, 255]], [[51, 255]]]);
  expect(planes(rgba, [1, 2, 1], 0, 1)).toEqual([[[0.3218], [1]]]);
  expect(planes([0, 0, 0, 255, 255, 255, 255, 255], [1, 1, 2], -1, 1)).toEqual([[[-1, 1]]]);
});
