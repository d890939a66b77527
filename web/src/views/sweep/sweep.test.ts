import { expect, test } from "vitest";
import { axisOf } from "../../lib/axes";
import { keptBy, read, written } from "./brushes";
import { EMPTY, errorsAt, parameterOf, rowOf, valuesOf } from "./draft";
import { fate, lanes } from "./survivors";

test("values of a choice are JSON where they are, else words", () => {
  expect(valuesOf("0.001, 0.01")).toEqual([0.001, 0.01]);
  expect(valuesOf("sgd, adam")).toEqual(["sgd", "adam"]);
  expect(valuesOf('adam, {"type": "sgd", "momentum": 0.9}')).toEqual(["adam", { type: "sgd", momentum: 0.9 }]);
  expect(valuesOf("[16], [32, 32]")).toEqual([[16], [32, 32]]);
  expect(valuesOf("")).toEqual([]);
});

test("a parameter survives the form", () => {
  for (const parameter of [
    { choice: ["sgd", [16], 0.1, { type: "sgd" }] },
    { uniform: [0, 0.7], step: 0.1 },
    { log_uniform: [1e-5, 0.1] },
    { integers: [1, 64], log: true, when: { "optimizer.type": "sgd" } },
  ]) {
    expect(parameterOf(rowOf("a", parameter))).toEqual(parameter);
  }
  expect(parameterOf({ ...EMPTY, kind: "uniform", low: "a", high: "" })).toEqual({ uniform: ["a", null] });
});

test("what the API says of a field stands at its row", () => {
  const errors = [{ path: "space.dropout.uniform", message: "must rise" }, { path: "space.dropouts", message: "is no field" }];
  expect(errorsAt(errors, "space.dropout")).toBe("uniform must rise");
  expect(errorsAt(errors, "space.epochs")).toBeUndefined();
});

test("the address holds the brushes, and rows outside of one are not kept", () => {
  const brushes = read(["learning_rate:0.001:0.1", "optimizer.momentum:-0.5:0.5", "nonsense"]);
  expect(brushes).toEqual({ learning_rate: [0.001, 0.1], "optimizer.momentum": [-0.5, 0.5] });
  expect(read(written(brushes))).toEqual(brushes);
  const axes = [axisOf("learning_rate", [0.01, 0.5, 0.01]), axisOf("optimizer.momentum", [0.1, 0.1, null])];
  expect(keptBy(brushes, axes, 3)).toEqual([true, false, false]);
});

test("survivors stand above those that were pruned, in columns at the rungs", () => {
  const table = {
    number: [0, 1, 2, 3, 4],
    generation: [0, 0, 0, 0, 1],
    state: ["pruned", "finished", "pruned", "pruned", "open"],
    score: [0.9, 0.1, 0.5, 0.8, null],
    epochs: [2, 18, 6, 2, 0],
  };
  const { columns, rows } = lanes(fate(table, 0, 2, 9), 9, false);
  expect(columns).toEqual([
    { epoch: 0, alive: 4, after: 4 },
    { epoch: 1, alive: 4, after: 2 },
    { epoch: 3, alive: 2, after: 1 },
    { epoch: 9, alive: 1, after: 1 },
  ]);
  expect(rows.map((row) => [row.number, row.passed])).toEqual([[1, 3], [2, 2], [3, 1], [0, 1]]);
});
