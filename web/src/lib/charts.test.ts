import { expect, test } from "vitest";
import { REACH } from "./charts";

test("a single epoch or second stands in the middle, and no axis of time begins below 0", () => {
  const reach = (at: number): number[] => [REACH.min({ min: at, max: at }), REACH.max({ min: at, max: at })];
  expect([1, 50, 0.25, 0].map(reach)).toEqual([[0, 2], [49, 51], [0, 0.5], [0, 1]]);
});
