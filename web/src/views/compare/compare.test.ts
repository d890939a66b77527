import { expect, test } from "vitest";
import { bestsOf, lossesDiffer, partsOf, summaryOf } from "./bests";
import { linesOf, namesOf, uploadsOf } from "./lines";

const job = (id: string, name: string | null, spec: object, metrics: object = {}): never => ({ id, name, spec, best: { epoch: 1, metrics } }) as never;

test("lines are jobs by names that are no other's, or groups by a field", () => {
  const jobs = [job("0000000aaaaaaaa", "a", { seed: 1 }), job("0000000bbbbbbbb", "a", { seed: 2 }), job("0000000cccccccc", "b", { seed: 1 })];
  const names = namesOf(jobs, new Map());
  expect(new Set(names).size).toBe(3);
  expect(names).toEqual(["a, seed 1", "a, seed 2", "b"]);
  expect(linesOf(jobs, names, "", new Map()).map(({ key, places }) => [key, places])).toEqual([["0000000aaaaaaaa", [0]], ["0000000bbbbbbbb", [1]], ["0000000cccccccc", [2]]]);
  expect(linesOf(jobs, names, "seed", new Map()).map(({ key, places }) => [key, places])).toEqual([["seed 1", [0, 2]], ["seed 2", [1]]]);
});

test("jobs without a name are called by what differs between them, and by their ids where nothing does", () => {
  const sgd = { type: "sgd", momentum: 0.9 };
  const specs = [{ optimizer: sgd, learning_rate: 0.1 }, { optimizer: sgd, learning_rate: 0.01 }, { optimizer: { type: "adam", beta1: 0.9 }, learning_rate: 0.1 }];
  const unnamed = specs.map((spec, i) => job(`0000000${i}`, null, spec));
  expect(namesOf(unnamed, new Map())).toEqual(["optimizer sgd, learning rate 0.1", "optimizer sgd, learning rate 0.01", "optimizer adam, learning rate 0.1"]);
  const alone = [job("00000004", "mine", specs[0] ?? {}), job("00000005", null, specs[1] ?? {})];
  expect(namesOf(alone, new Map())).toEqual(["mine", "learning rate 0.01"]);
  const [first, second] = namesOf([job("00000006", null, specs[0] ?? {}), job("00000007", null, specs[0] ?? {})], new Map());
  expect([first, second]).toEqual(["00000006", "00000007"]);
  const many = [1, 2, 3].map((seed) => job(`0000000${seed}`, null, { seed, dataset: { id: `ds_${seed % 2}` } }));
  expect(namesOf(many, new Map([["ds_1", "wine"], ["ds_0", "iris"]]))).toEqual(["seed 1, data set wine", "seed 2, data set iris", "seed 3, data set wine"]);
});

test("uploads have their names, with ids where two have the same one", () => {
  const jobs = ["ds_00000001", "ds_00000002", "ds_00000003"].map((id, i) => job(String(i), null, { dataset: { id } }));
  const uploads = uploadsOf([...jobs, job("3", null, { dataset: "iris" })], ({ id }) => (id === "ds_00000003" ? "wine" : "credit"));
  expect([uploads.size, uploads.get("ds_00000003"), new Set(uploads.values()).size]).toEqual([3, "wine", 3]);
});

test("the best of each metric is marked, but not of losses of different kinds", () => {
  const same = [job("1", null, { loss: "mse" }, { train_loss: 1, val_loss: 0.5, val_r2: 0.1, seconds: 3 }), job("2", null, { loss: "mse" }, { val_loss: 0.25, val_r2: 0.2 })];
  const bests = bestsOf(same, "val_r2");
  expect(bests.map(({ name }) => name)).toEqual(["val_r2", "val_loss", "train_loss", "seconds"]);
  expect(bests.map(({ top }) => [...top])).toEqual([[1], [1], [], []]);
  expect(partsOf(bests)).toEqual([{ part: "val_", columns: 2 }, { part: "train_", columns: 1 }, { part: "", columns: 1 }]);
  const mixed = [same[0], job("2", null, { loss: "mae" }, { val_loss: 0.25, val_r2: 0.2 })] as never[];
  expect([lossesDiffer(same), lossesDiffer(mixed)]).toEqual([false, true]);
  expect(bestsOf(mixed, "val_r2").map(({ top }) => [...top])).toEqual([[1], [], [], []]);
});

test("a group is its mean and deviation over the jobs that have the metric, and the best of them is marked", () => {
  const jobs = [1, 3, null, 5].map((val_loss, i) => job(String(i), null, {}, { val_loss }));
  const groups = [{ name: "x", places: [0, 1] }, { name: "y", places: [2] }, { name: "z", places: [3] }];
  expect(summaryOf(groups, jobs, "val_loss")).toEqual([
    { name: "x", n: 2, mean: 2, deviation: Math.SQRT2, isTop: true },
    { name: "y", n: 1, mean: null, deviation: null, isTop: false },
    { name: "z", n: 1, mean: 5, deviation: 0, isTop: false },
  ]);
});
