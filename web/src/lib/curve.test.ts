import { expect, test } from "vitest";
import { csv, joined, metricsOf, smooth } from "./curve";

test("smoothing begins at the first value and leaves gaps alone", () => {
  expect(smooth([1, 1, null, 1], 0.9)).toEqual([1, 1, null, 1].map((v) => (v === null ? null : expect.closeTo(1))));
  expect(smooth([0, 1], 0.5)[1]).toBeCloseTo(2 / 3);
  expect(smooth([3, 4], 0)).toEqual([3, 4]);
});

test("epochs are added, and one that comes again replaces what followed it", () => {
  const two = joined({ epoch: [1], val_loss: [0.5] }, { epoch: [2], val_loss: [0.4], val_accuracy: [0.9] });
  expect(two).toEqual({ epoch: [1, 2], val_loss: [0.5, 0.4], val_accuracy: [null, 0.9] });
  expect(joined(two, { epoch: [1], val_loss: [0.6] })["val_loss"]).toEqual([0.6]);
  expect(joined(two, { epoch: [] })).toBe(two);
  expect(metricsOf(two)).toEqual(["loss", "accuracy"]);
  expect(metricsOf({ epoch: [1], val_loss: [1], val_area_r2: [1], val_r2: [1], val_area_mae: [1], val_mae: [1], learning_rate: [1] })).toEqual(["loss", "learning_rate", "mae", "r2", "area_mae", "area_r2"]);
  expect(csv(two)).toBe("epoch,val_loss,val_accuracy\n1,0.5,\n2,0.4,0.9\n");
});
