import { expect, test } from "vitest";
import { band, best, differing, distinct, grouped } from "./groups";
import { without } from "./lean";
import { said, show } from "./spec";

test("only the fields that differ are listed, by their paths", () => {
  const base = { name: "a", seed: 0, optimizer: { type: "adam", betas: [0.9, 0.999] }, architecture: { hidden: [16] } };
  const other = { name: "b", seed: 1, optimizer: { type: "sgd" }, architecture: { hidden: [16] } };
  expect(differing([base, other])).toEqual([
    { field: "seed", values: [0, 1] },
    { field: "optimizer.type", values: ["adam", "sgd"] },
    { field: "optimizer.betas", values: [[0.9, 0.999], undefined] },
  ]);
  expect(differing([base, base])).toEqual([]);
});

test("a data set differs once, not by its digest too", () => {
  const [one, other] = [{ dataset: { id: "ds_1", sha256: "a" } }, { dataset: { id: "ds_2", sha256: "b" } }];
  expect(differing([one, other])).toEqual([{ field: "dataset", values: ["ds_1", "ds_2"] }]);
  expect(differing([one, { dataset: { name: "wine" } }, { dataset: "xor" }])).toEqual([{ field: "dataset", values: ["ds_1", "wine", "xor"] }]);
});

test("jobs are grouped in the order in which their texts come", () => {
  expect([...grouped(["sgd", "adam", "sgd"])]).toEqual([["sgd", [0, 2]], ["adam", [1]]]);
});

test("along seconds, curves that trained at different speeds are met between their epochs", () => {
  const curves = [
    { epoch: [1, 2], seconds: [1, 3], val_loss: [4, 2] },
    { epoch: [1, 2, 3], seconds: [1, 2, 3], val_loss: [8, 7, 6] },
  ];
  expect(band(curves, "val_loss", "seconds")).toMatchObject({ at: [1, 2, 3], mean: [6, 5, 4], of: [2, 2, 2] });
});

test("a band is the mean and a standard deviation, while half of the curves have the epoch", () => {
  const curves = [
    { epoch: [1, 2, 3], val_loss: [1, 0.5, 0.1] },
    { epoch: [1, 2], val_loss: [3, null] },
    { epoch: [1], val_loss: [2] },
  ];
  const { at, mean, low, high, of } = band(curves, "val_loss");
  expect({ at, mean, low, high, of }).toEqual({ at: [1], mean: [2], low: [1], high: [3], of: [3] });
  expect(band(curves.slice(0, 2), "val_loss").mean).toEqual([2, 0.5, 0.1]);
  expect(band([], "val_loss").at).toEqual([]);
  expect(band([0.1, 0.1, 9].map((loss) => ({ epoch: [1], val_loss: [loss] })), "val_loss").low).toEqual([0.1]);
});

test("curves that were thinned at different epochs are averaged on the lines between their points", () => {
  const curves = [{ epoch: [1, 5, 9], val_loss: [9, 5, 1] }, { epoch: [1, 3, 9], val_loss: [9, 7, 1] }];
  expect(band(curves, "val_loss")).toMatchObject({ at: [1, 3, 5, 9], mean: [9, 7, 5, 1], low: [9, 7, 5, 1] });
});

test("the best is marked by the metric's direction, ties too, and never among equals only", () => {
  expect(best("val_loss", [0.3, null, 0.1, 0.1])).toEqual(new Set([2, 3]));
  expect(best("val_accuracy", [0.3, undefined, 0.9])).toEqual(new Set([2]));
  expect(best("val_accuracy", [1, 1])).toEqual(new Set());
});

test("a spec to copy leaves out what is default anyway", () => {
  expect(without({ dataset: "iris", epochs: 100, dropout: 0.2, loss: null }, { epochs: 100, dropout: 0 })).toEqual({ dataset: "iris", dropout: 0.2 });
});

test("values that differ have texts that differ, short ones where they can be", () => {
  expect(distinct([0.123456, 0.2, null], said, show)).toEqual(["0.1235", "0.2", "none"]);
  expect(distinct([0.123456, 0.123457], said, show)).toEqual(["0.123456", "0.123457"]);
  expect(distinct([20260101, 20260102, 20260101], said, show)).toEqual(["20\u202f260\u202f101", "20\u202f260\u202f102", "20\u202f260\u202f101"]);
});
