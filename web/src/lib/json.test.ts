import { expect, test } from "vitest";
import { fieldsOf, yaml } from "./json";
import { datasetName, differences, fieldName, networkName, roundedSeed, show } from "./spec";

test("YAML says the same as JSON", () => {
  const spec = { dataset: "digits", name: "yes", architecture: { type: "mlp", hidden: [64, 32] }, tags: {}, lr: 1e-3 };
  expect(yaml(spec)).toBe('dataset: digits\nname: "yes"\narchitecture:\n  type: mlp\n  hidden: [64, 32]\ntags: {}\nlr: 0.001');
  expect(yaml({ a: [{ b: 1, c: "x: y" }] })).toBe('a:\n- b: 1\n  c: "x: y"'.replace("\n- ", "\n  - ").replace("\n  c", "\n    c"));
});

test("an address that holds no fields is refused in a sentence", () => {
  expect(fieldsOf('{"epochs": 3}')).toEqual({ epochs: 3 });
  for (const text of ["3", "null", "[]", '"x"', '{"epochs":', ""]) expect(() => fieldsOf(text)).toThrow(/^This link holds nothing/);
});

test("only what differs is told, field by field", () => {
  const defaults = { dropout: 0, optimizer: { type: "adam", beta1: 0.9 }, patience: null, name: null };
  expect(differences({ dropout: 0.5, optimizer: { type: "adam", beta1: 0.8 }, patience: null, name: "x" }, defaults)).toEqual([
    { field: "dropout", before: 0, after: 0.5 },
    { field: "optimizer.beta1", before: 0.9, after: 0.8 },
  ]);
  expect(differences({ optimizer: { type: "sgd" } }, { optimizer: { type: "adam" } })[0]?.field).toBe("optimizer");
});

test("data and networks have short names", () => {
  expect([datasetName({ name: "moons", n: 5 }), datasetName({ id: "ds_1" }), datasetName({ x: [], y: [] })]).toEqual(["moons", "ds_1", "inline"]);
  expect(networkName({ architecture: { type: "mlp", hidden: [64, 32] } })).toBe("mlp 64-32");
  expect(["perceptron", { type: "cnn", channels: [8, 16], hidden: [32] }, { type: "cnn", channels: [4], hidden: [] }].map((architecture) => networkName({ architecture }))).toEqual(["perceptron", "cnn 8-16, 32", "cnn 4"]);
  expect(show([200000, 0.5, -1])).toBe("200\u202f000, 0.5, -1");
  expect(["dataset.n", "resources.device"].map(fieldName)).toEqual(["data set rows", "device"]);
  expect(show({ type: "sgd", momentum: 0.9, nesterov: null })).toBe("sgd (momentum 0.9)");
});

test("a seed that a browser rounds is said to be so", () => {
  expect(roundedSeed(JSON.parse('{"seed": 9007199254740993}') as Record<string, unknown>)).toContain("`epochal clone JOB`");
  expect(roundedSeed(JSON.parse('{"split_seed": 9223372036854775807}') as Record<string, unknown>)).not.toBe("");
  for (const spec of [{ seed: 2 ** 53 - 1, split_seed: 0 }, { seed: "x" }, {}]) expect(roundedSeed(spec)).toBe("");
});
