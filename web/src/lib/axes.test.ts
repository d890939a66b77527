import { expect, test } from "vitest";
import { at, axisOf, place, ranks, surface, textOf, ticks } from "./axes";

test("a rate has a logarithmic axis over the space's limits, with powers of ten", () => {
  const axis = axisOf("learning_rate", [0.01, null, 0.1], { log_uniform: [1e-4, 1] });
  expect([axis.scale, axis.low, axis.high]).toEqual(["log", 1e-4, 1]);
  expect(place(axis, 0.01)).toBeCloseTo(0.5);
  expect(at(axis, 0.75)).toBeCloseTo(0.1);
  expect(Number.isNaN(axis.values[1])).toBe(true);
  expect(ticks(axis).map((tick) => tick.text)).toEqual(["0.0001", "0.001", "0.01", "0.1", "1"]);
});

test("numbers of a choice are logarithmic when they reach far, unless the reader says otherwise", () => {
  expect(axisOf("a", [0.001, 0.1]).scale).toBe("log");
  expect(axisOf("a", [16, 64]).scale).toBe("linear");
  expect(axisOf("a", [0.001, 0.1], {}, false).scale).toBe("linear");
  expect(axisOf("a", [0, 100], {}, true).scale).toBe("linear");
  expect(ticks(axisOf("a", [0, 0.7])).map((tick) => tick.text)).toEqual(["0", "0.2", "0.4", "0.6"]);
});

test("words keep the order of the space, and stand in the middle of their places", () => {
  const axis = axisOf("architecture.hidden", [[32, 32], [16], null], { choice: [[16], [32, 32]] });
  expect([...axis.values.slice(0, 2)]).toEqual([1, 0]);
  expect(ticks(axis)).toEqual([{ place: 0.25, text: "16" }, { place: 0.75, text: "32, 32" }]);
  expect(textOf(axis, NaN)).toBe("–");
  const score = { ...axisOf("score", [0.9, 0.92]), metric: "val_macro_f1" };
  expect([textOf(score, 0.9), ticks(score, 2).map(({ text }) => text)]).toEqual(["90.0 %", ["90 %", "92 %"]]);
});

test("ranks go from the best to the worst, whichever way is better", () => {
  expect([...ranks([3, null, 1, 1e9], false)]).toEqual([0.5, NaN, 0, 1]);
  expect([...ranks([3, 1, 2], true)]).toEqual([0, 1, 0.5]);
});

test("a surface is the mean of what is near, and nothing where nobody has looked", () => {
  const x = axisOf("x", [0, 1, 0.5], { uniform: [0, 1] });
  const y = axisOf("y", [0, 1, null], { uniform: [0, 1] });
  const cells = surface(x, y, Float64Array.from([0.2, 0.8, 0.5]), 10, 0.05);
  expect(cells[0]?.[0]).toBeCloseTo(0.2);
  expect(cells[9]?.[9]).toBeCloseTo(0.8);
  expect(cells[0]?.[9]).toBeNull();
});
