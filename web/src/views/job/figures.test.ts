import { expect, test } from "vitest";
import { figuresOf } from "./figures";

test("metrics are a row each with their parts, the loss first; what is no part's or of one target is left out", () => {
  const metrics = { learning_rate: 0.1, train_accuracy: 0.9, train_loss: 0.5, val_loss: null, test_loss: 0.6, val_width_mae: 2 };
  expect(figuresOf(metrics)).toEqual([["loss", { train: 0.5, val: null, test: 0.6 }], ["accuracy", { train: 0.9 }]]);
});
