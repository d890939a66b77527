import { expect, test } from "vitest";
import { read } from "./yaml";

test("a date is a text, and a mapping may hold another one", () => {
  expect(read("name: 2026-11-29\ntags: {day: 2026-11-29 10:00:00}\nlearning_rate: 1e-3")).toEqual({ name: "2026-11-29", tags: { day: "2026-11-29 10:00:00" }, learning_rate: 0.001 });
  expect(read("a: &a {seed: 1}\nb: {<<: *a, epochs: 2}")).toEqual({ a: { seed: 1 }, b: { seed: 1, epochs: 2 } });
});
