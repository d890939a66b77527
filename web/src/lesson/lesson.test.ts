import { expect, test } from "vitest";
import { check, isPlane, layers, parsed, pointsOf, runName, seenIn, valueAt, variant, withValue, written, type Claim, type NamedRun, type Seen } from "./lesson";

const seen = new Map<string, Seen>([
  ["slow", { curve: { epoch: [1, 2, 3], train_loss: [2, 1.5, 1.25] }, stopReason: "max_epochs", verdict: "underfit" }],
  ["fast", { curve: { epoch: [1, 2, 3], train_loss: [1, 0.5, null] }, stopReason: "max_epochs", verdict: "diverged" }],
]);

test("a claim is checked with the numbers of its runs", () => {
  const claim = (more: object): Claim => ({ run: "slow", metric: "train_loss", ...more }) as Claim;
  expect(check(claim({ below: 1.3 }), seen)).toEqual({ sentence: "slow: training loss 1.25 is below 1.3", holds: true });
  expect(check(claim({ above: 2, at: "highest" }), seen)).toEqual({ sentence: "slow: training loss 2 at its highest is above 2", holds: false });
  expect(check(claim({ above: "fast", at: 2 }), seen)).toEqual({
    sentence: "slow: training loss 1.5 at epoch 2 is above that of fast (0.5)",
    holds: true,
  });
  expect(check(claim({ below: "fast" }), seen).holds).toBe(true); // what is no number is above every number
  expect(check(claim({ below: "absent" }), seen).holds).toBe(null);
  expect(check(claim({ below: 3, at: 9 }), seen)).toEqual({ sentence: "slow: training loss at epoch 9 was not measured", holds: false });
  expect(check({ run: "slow", verdict: "overfit" } as Claim, seen)).toEqual({ sentence: "slow: its verdict is overfit", holds: false });
  expect(check({ run: "slow", stopped_by: "max_epochs" } as Claim, seen).holds).toBe(true);
});

test("claims are checked by all epochs of a job that has ended", () => {
  const statuses = ["queued", "running", "succeeded", "failed", "cancelled"] as const;
  expect(statuses.map((status) => pointsOf({ status }).points)).toEqual([400, 400, undefined, undefined, undefined]);
  const epochs = Array.from({ length: 300_000 }, (_, at) => at);
  const long = new Map<string, Seen>([["slow", { curve: { epoch: epochs, train_loss: epochs }, stopReason: null, verdict: null }]]);
  const claim = (more: object): Claim => ({ run: "slow", metric: "train_loss", ...more }) as Claim;
  expect([check(claim({ at: "lowest", below: 1 }), long).holds, check(claim({ at: "highest", above: 299_998 }), long).holds]).toEqual([true, true]);
});

test("a control changes one field of a job", () => {
  const body = { optimizer: "sgd", architecture: "perceptron", dataset: "moons" };
  expect(withValue(body, "optimizer.momentum", 0.9)["optimizer"]).toEqual({ type: "sgd", momentum: 0.9 });
  expect(withValue(body, "architecture.hidden", [4])["architecture"]).toEqual({ type: "mlp", hidden: [4] });
  const images = { architecture: { type: "cnn", channels: [8] } };
  expect(withValue(images, "architecture.hidden", [4])["architecture"]).toEqual({ type: "cnn", channels: [8], hidden: [4] });
  expect(withValue(body, "learning_rate", 1)).toEqual({ ...body, learning_rate: 1 });
  expect(valueAt({ optimizer: { type: "sgd", momentum: 0.5 } }, "optimizer.momentum")).toBe(0.5);
  expect(valueAt({ optimizer: { type: "sgd" } }, "optimizer")).toBe("sgd");
  expect(valueAt(body, "architecture.hidden")).toBeUndefined();
  expect(["0,01", ".5", "1,000", "16-16"].map(parsed)).toEqual([0.01, 0.5, "1,000", "16-16"]);
  expect([parsed("0.1"), parsed("full"), parsed("true"), layers("16-8"), layers("16, 8"), layers("a"), written([16, 8])]).toEqual([
    0.1, "full", true, [16, 8], [16, 8], null, "16-8",
  ]);
});

test("a variant has what was written in its controls, and is named by it", () => {
  const body = { patience: 5, architecture: "mlp", optimizer: "sgd" };
  expect(variant(body, "race sgd", [["architecture.hidden", "16-16"], ["optimizer.momentum", "0.9"], ["patience", " "]])).toEqual({
    architecture: { type: "mlp", hidden: [16, 16] },
    optimizer: { type: "sgd", momentum: 0.9 },
    patience: null,
    name: "race sgd, hidden 16-16, momentum 0.9, patience  ",
  });
});

test("a run has shown something when it succeeded or diverged, not while it trains or when it failed otherwise", () => {
  const run = (name: string, job: object): NamedRun => ({ name, job: { failure: null, stop_reason: null, verdict: null, ...job }, curve: {} }) as never;
  const runs = [
    run("good", { status: "succeeded", stop_reason: "max_epochs", verdict: { kind: "good" } }),
    run("wild", { status: "failed", failure: { reason: "diverged" } }),
    run("lost", { status: "failed", failure: { reason: "worker_lost" } }),
    run("slow", { status: "running" }),
  ];
  expect([...seenIn(runs)]).toEqual([
    ["good", { curve: {}, stopReason: "max_epochs", verdict: "good" }],
    ["wild", { curve: {}, stopReason: null, verdict: null }],
  ]);
});

test("a run is named by its job, and data with two inputs are known", () => {
  expect(runName("bias", { name: "bias with bias", id: "x" })).toBe("with bias");
  expect([isPlane("moons"), isPlane("digits"), isPlane({ x: [[1, 2]], y: [0] }), isPlane({ name: "blobs", features: 3 })]).toEqual([
    true, false, true, false,
  ]);
});
