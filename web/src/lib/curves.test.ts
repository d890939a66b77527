import { afterEach, expect, test, vi } from "vitest";

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("a curve that the API does not answer is asked for once after a while, however often its job has news", async () => {
  vi.useFakeTimers();
  const answers = vi.fn(() => Promise.resolve(new Response("{}", { status: 503 })));
  vi.stubGlobal("fetch", answers);
  vi.stubGlobal("document", new EventTarget()); // the clock listens to it
  const { Curves } = await import("./curves.svelte");
  const curves = new Curves();
  for (let news = 0; news < 4; news++) {
    curves.again(["a"]);
    curves.want(["a"]);
    await vi.advanceTimersByTimeAsync(1000);
  }
  const before = answers.mock.calls.length;
  expect(curves.waiting).toBe(1);
  answers.mockImplementation(() => Promise.resolve(Response.json({ epoch: [1] })));
  await vi.advanceTimersByTimeAsync(10_000);
  expect([answers.mock.calls.length - before, curves.waiting, curves.of(["a"])]).toEqual([1, 0, [{ epoch: [1] }]]);
});
