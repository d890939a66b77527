import { expect, test } from "vitest";
import { cells, kindOf, looseText, parsed, parseLoose, plain } from "./fields";

const all = {
  Sgd: { type: "object", properties: { type: { const: "sgd" }, momentum: { type: "number", default: 0 } } },
  Adam: { type: "object", properties: { type: { const: "adam" } } },
  Word: { enum: ["relu", "tanh"], type: "string" },
};

test("a field's control follows from its schema", () => {
  const variants = kindOf({ anyOf: [{ enum: ["sgd", "adam"] }, { oneOf: [{ $ref: "#/c/Sgd" }, { $ref: "#/c/Adam" }] }] }, all);
  expect(variants.kind === "variant" && [variants.key, Object.keys(variants.options)]).toEqual(["type", ["sgd", "adam"]]);
  expect(kindOf({ anyOf: [{ $ref: "#/c/Word" }, { type: "null" }] }, all)).toEqual({ kind: "choice", options: ["relu", "tanh"], nullable: true });
  expect(kindOf({ type: "integer" }, all)).toEqual({ kind: "number", integer: true, nullable: false });
  expect(kindOf({ anyOf: [{ type: "string" }, { type: "null" }] }, all)).toEqual({ kind: "text", nullable: true });
  expect(kindOf({ anyOf: [{ type: "number" }, { type: "array" }] }, all).kind).toBe("loose");
});

test("what is typed becomes a number, a list or a word, and back", () => {
  expect(["32", "full", "0.1, 0.2", ".5", "1., .5", " ", "[[1]]"].map(parseLoose)).toEqual([32, "full", [0.1, 0.2], 0.5, [1, 0.5], null, [[1]]]);
  expect([32, "full", [0.1, 0.2], null].map(looseText)).toEqual(["32", "full", "0.1, 0.2", ""]);
});

test("a name stays a text, and a number may have a decimal comma", () => {
  expect(["2026", " true ", "1,2", " "].map((text) => parsed(text, { kind: "text" }))).toEqual(["2026", "true", "1,2", null]);
  expect(["0,01", "-1,5e-3", "1.5", ".5", ",5", "1.", "+2", "", ".", "much"].map((text) => parsed(text, { kind: "number", integer: false }))).toEqual([0.01, -0.0015, 1.5, 0.5, 0.5, 1, 2, null, ".", "much"]);
  expect(["1,000", "30"].map((text) => parsed(text, { kind: "number", integer: true }))).toEqual([[1, 0], 30]);
  expect(parsed("0,1", { kind: "loose" })).toEqual([0, 1]);
});

test("a form's hint quotes no JSON, and says what an empty control means", () => {
  expect(plain("A name, or {type: huber, ...}. Last rate, as a share of learning_rate. null: no early stopping.")).toBe(
    "Last rate, as a share of learning rate. Empty: no early stopping.",
  );
});

test("a row that is written as one text keeps its cells as they are", () => {
  expect(cells(" 01067  3,5 low ")).toEqual(["01067", "3,5", "low"]);
  expect(cells("1, 2, 3")).toEqual(["1", "2", "3"]);
  expect(cells("1,2,3")).toEqual(["1", "2", "3"]);
  expect(cells("1, 2, 3,")).toEqual(["1", "2", "3"]);
  expect(cells("0,0,5\n13,9,1")).toEqual(["0", "0", "5", "13", "9", "1"]);
  expect(cells("0,0,5,\n13,9")).toEqual(["0", "0", "5", "13", "9"]);
  expect(cells("5.1,3.5, 1.4")).toEqual(["5.1", "3.5", "1.4"]);
  expect(cells("5,1 3,5")).toEqual(["5,1", "3,5"]);
  expect(cells("Neu Ulm; 3,5;;\nlow")).toEqual(["Neu Ulm", "3,5", "", "low"]);
  expect(cells(" ")).toEqual([]);
});
