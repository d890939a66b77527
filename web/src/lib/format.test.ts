import { expect, test } from "vitest";
import { aheadBy, bytes, count, day, duration, exact, higherIsBetter, imageSize, metric, metricName, number, relative, shortId, tick } from "./format";

test("numbers have four significant digits, and a dash stands for what is not known", () => {
  expect([0.123456, 12345, 0, 1e-7, 2.5e6, null, Number.NaN].map(number)).toEqual(["0.1235", "12\u202f345", "0", "1e-7", "2.5e6", "–", "–"]);
  expect([1499.6, -12345.678, 100].map(number)).toEqual(["1\u202f500", "-12\u202f346", "100"]);
  expect(count(1234567)).toBe("1\u202f234\u202f567");
});

test("places of an axis are told apart, however large, small or near to each other", () => {
  expect([5.002e12, 5.004e12, -1e15, 2e-13, 0].map((value) => tick(value))).toEqual(["5.002e12", "5.004e12", "-1e15", "2e-13", "0"]);
  expect([1000.2, 1000.4, 12_000, 0.1 + 0.2].map((value) => tick(value))).toEqual(["1000.2", "1000.4", "12\u202f000", "0.3"]);
  expect([0.9995, 0.9996].map((value) => tick(value, "val_accuracy"))).toEqual(["99.95 %", "99.96 %"]);
});

test("an accuracy is a percentage, as F1 is, a loss is not", () => {
  expect([metric("val_balanced_accuracy", 0.969), metric("val_macro_f1", 1), metric("val_accuracy", null)]).toEqual(["96.9 %", "100.0 %", "–"]);
  expect(metric("val_loss", 0.969)).toBe("0.969");
  expect(["val_macro_f1", "train_loss"].map(metricName)).toEqual(["validation macro F1", "training loss"]);
  expect([higherIsBetter("val_accuracy"), higherIsBetter("val_loss"), higherIsBetter("test_r2")]).toEqual([true, false, true]);
});

test("times are relative to now, before and after it", () => {
  const now = Date.UTC(2026, 0, 1);
  expect([0, 20e3, 180e3, 7200e3, -30e3].map((ms) => relative(now - ms, now))).toEqual(["now", "20 s ago", "3 min ago", "2 h ago", "in 30 s"]);
  expect([3.21, 59, 125, 3840, 90_000].map(duration)).toEqual(["3.2 s", "59 s", "2 min 05 s", "1 h 04 min", "1 d 1 h"]);
});

test("an exact time names its zone, and says UTC too where that is another", () => {
  const when = new Date(Date.UTC(2026, 0, 1, 12));
  expect(exact(when, "UTC")).toMatch(/12:00:00.*UTC$/);
  expect(exact(when, "Asia/Kolkata").split("\n")).toEqual([expect.stringMatching(/5:30:00.*(GMT\+5:30|IST)/), exact(when, "UTC")]);
});

test("ids, sizes and bytes have one short form", () => {
  expect(shortId("0198c0de-0000-7000-8000-0123456789ab")).toBe("456789ab");
  expect([20_782, 20_782.5, -1, 1e12, null].map(day)).toEqual(["2026-11-25", "2026-11-25", "1969-12-31", "1e12", "–"]);
  expect(imageSize([3, 12, 10])).toBe("12 × 10 × 3");
  expect([512, 2048, 5_500_000].map(bytes)).toEqual(["512 B", "2 KiB", "5.2 MiB"]);
});

test("a clock that differs from the server's is corrected, but not by what an answer takes", () => {
  const now = Date.UTC(2026, 0, 1);
  const dates = ["Thu, 01 Jan 2026 00:05:00 GMT", "Wed, 31 Dec 2025 23:59:59 GMT", "soon", null];
  expect(dates.map((date) => aheadBy(date, now))).toEqual([300_000, 0, 0, 0]);
});
