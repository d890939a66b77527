import { expect, test } from "vitest";
import { saidOf } from "./transport";

test("a playground says whether it trains, pauses, or shows what happened", () => {
  const said = (status: Parameters<typeof saidOf>[0], playing: boolean, epoch = 9): string => saidOf(status, { playing, epoch, lastEpoch: 9 });
  expect([said("running", true), said("running", false), said("paused", false)]).toEqual(["Training", "Pausing …", "Paused"]);
  expect([said("succeeded", true), said("succeeded", false, 3), said("succeeded", false)]).toEqual([
    "Trained; showing what happened", "Trained; step through what happened", "Trained",
  ]);
  expect(said(null, false)).toContain("Press play");
});
