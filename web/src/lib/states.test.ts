import { expect, test } from "vitest";
import { retriable, stateOf } from "./states";

test("only what may succeed is tried again as it is, and a sweep tries its own", () => {
  const failure = (retryable: boolean) => ({ reason: "quarantined" as const, message: "", retryable });
  const sweep = { id: "1", trial: 0, replicate: 0 };
  expect([retriable({ failure: failure(true), sweep: null }), retriable({ failure: failure(false), sweep: null })]).toEqual([true, false]);
  expect([retriable({ failure: null, sweep: null }), retriable({ failure: failure(true), sweep: sweep as never })]).toEqual([false, false]);
});

test("a job that its sweep stopped early is pruned", () => {
  expect(stateOf({ status: "succeeded", stop_reason: "pruned" })).toBe("pruned");
  expect([stateOf({ status: "succeeded", stop_reason: "max_epochs" }), stateOf({ status: "running", stop_reason: null })]).toEqual(["succeeded", "running"]);
});
