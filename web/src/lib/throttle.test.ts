import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Throttle } from "./throttle";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("what is wanted often is done at once, then at most every so often, and the last time too", () => {
  const at: number[] = [];
  const begun = Date.now();
  const throttle = new Throttle(() => at.push(Date.now() - begun), 200);
  for (let ms = 0; ms <= 450; ms += 50) {
    throttle.call();
    vi.advanceTimersByTime(50);
  }
  vi.advanceTimersByTime(1000);
  expect(at).toEqual([0, 200, 400, 600]);
  throttle.call();
  expect(at).toHaveLength(5);
});

test("what is owed is done at once, before something else", () => {
  let done = 0;
  const throttle = new Throttle(() => (done += 1), 200);
  throttle.call();
  throttle.call();
  throttle.flush();
  expect(done).toBe(2);
  vi.advanceTimersByTime(1000);
  expect(done).toBe(2);
});
