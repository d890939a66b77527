import { expect, test } from "vitest";
import { QUOTAS, read, shareOf, usedText, written } from "./quotas";

test("quotas are read and written in the units of their form", () => {
  const quotas = { running: 4, queued: null, gpu_hours: 2.5, bytes: 3 * 2 ** 29 };
  expect(written(quotas)).toEqual({ running: "4", queued: "", gpu_hours: "2.5", bytes: "1.5" });
  expect(read(written(quotas))).toEqual(quotas);
  expect(read({ running: "four", queued: " ", gpu_hours: "2,5", bytes: "10 GiB" })).toEqual({ running: "four", queued: null, gpu_hours: "2,5", bytes: "10 GiB" });
});

test("what is used is said with its quota, where there is one", () => {
  const use = { quotas: { running: 4, queued: null, gpu_hours: 0, bytes: 2 ** 30 }, used: { running: 1, queued: 1200, gpu_hours: 0, bytes: 2 ** 29 } };
  expect(QUOTAS.map((quota) => usedText(quota, use))).toEqual(["1 of 4", "1\u202f200", "0 of 0", "512 MiB of 1 GiB"]);
  expect(QUOTAS.map((quota) => shareOf(quota, use))).toEqual([0.25, null, 1, 0.5]);
});
