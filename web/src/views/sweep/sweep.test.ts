import { expect, test } from "vitest";
import { axisOf, ranks } from "../../lib/axes";
import { without } from "../../lib/lean";
import { fieldLabel } from "../../lib/spec";
import { keptBy, read, written } from "./brushes";
import { inWords } from "./configuration";
import { changed, errorsAt, inWay, listing, mostTrials, notGiven, textOf, usual, valuesOf, variable } from "./draft";
import { saysOf } from "./early";
import { arranged, improvements, ordered } from "./order";
import { rateOf, sampled, secondsLeft, wholeOf, type Sample } from "./pace";
import { axisNear, heightsOf, HEIGHT, INNER, isWide, limits, lineNear, placeOf, type Plot, TOP, widthOf, worstFirst, xsOf, yOf } from "./parallel";
import { pairOf, parametersOf, withNone } from "./parameters";
import { isLog, turned } from "./scales";
import { fate, lanes } from "./survivors";
import { verdictOf } from "./verdict";

test("values of a choice are numbers, words or JSON; lists have semicolons between", () => {
  expect(valuesOf("0.001, 0.01")).toEqual([0.001, 0.01]);
  expect(valuesOf("32, full")).toEqual([32, "full"]);
  expect(valuesOf('adam, {"type": "sgd", "momentum": 0.9}')).toEqual(["adam", { type: "sgd", momentum: 0.9 }]);
  for (const text of ["16; 32, 32", "[16], [32, 32]", "[16]; [32, 32]"]) expect(valuesOf(text, true)).toEqual([[16], [32, 32]]);
  expect(textOf([[16], [32, 32]], true)).toBe("16; 32, 32");
  for (const values of [[0.1, "full", [16]], [{ type: "sgd" }], []]) expect(valuesOf(textOf(values))).toEqual(values);
});

test("a field varies around its value in the base job, and keeps its limits in another way", () => {
  const number = { type: "number", default: 0.01 };
  const mlp = { properties: { type: { const: "mlp" }, hidden: { type: "array", items: { type: "integer" } } } };
  const adam = { properties: { type: { const: "adam" }, beta1: { type: "number", default: 0.9 } } };
  const sgd = { properties: { type: { const: "sgd" }, momentum: { type: "number", default: 0 } } };
  const all = { "JobSpec-Input": { properties: {
    seed: { type: "integer" }, learning_rate: number, dropout: { type: "number", default: 0 },
    optimizer: { oneOf: [sgd, adam], default: { type: "adam" } }, architecture: { oneOf: [mlp] },
  } } };
  const fields = variable(all, { architecture: { type: "mlp", hidden: [8] } }, { optimizer: ["sgd", "adam"] });
  expect(fields.map(({ path }) => path)).toEqual(["learning_rate", "architecture.hidden", "optimizer", "dropout", "optimizer.beta1", "optimizer.momentum", "architecture"]);
  expect(fields.slice(0, 4).map(usual)).toEqual([
    { log_uniform: [0.001, 0.1] }, { choice: [[8], [16]] }, { choice: ["adam", "sgd"] }, { uniform: [0, 0.5] },
  ]);
  const range = { log_uniform: [0.001, 0.1], when: { optimizer: "sgd" } };
  expect(inWay(range, "uniform")).toEqual({ uniform: [0.001, 0.1], when: { optimizer: "sgd" } });
  expect(inWay(inWay(range, "choice"), "log_uniform")).toEqual(range);
  expect(changed([1, 2], "choice", [3])).toEqual({ choice: [3] });
  expect(Object.keys(changed({ a: 1, b: 2 }, "a", 3))).toEqual(["a", "b"]);
});

test("what the API says of a field stands at its control, which has its label", () => {
  const errors = [{ path: "space.dropout.uniform", message: "must rise" }, { path: "space.dropouts", message: "is no field" }];
  expect(errorsAt(errors, "space.dropout")).toEqual(["must rise"]);
  expect(errorsAt(errors, "space.epochs")).toEqual([]);
  const labels = ["space.learning_rate.log_uniform", "base.architecture.hidden.1", "optimizer.momentum", "loss.type", "space.dropout.uniform.0", "space.dropout.choice.0"].map(fieldLabel);
  expect(labels).toEqual(["Learning rate", "Neurons of layer 2", "Optimizer momentum", "Loss", "Dropout, from", "Dropout, entry 1"]);
});

test("the address holds the brushes, and rows outside of one are not kept", () => {
  const brushes = read(["learning_rate:0.001:0.1", "optimizer.momentum:-0.5:0.5", "nonsense"]);
  expect(brushes).toEqual({ learning_rate: [0.001, 0.1], "optimizer.momentum": [-0.5, 0.5] });
  expect(read(written(brushes))).toEqual(brushes);
  const axes = [axisOf("learning_rate", [0.01, 0.5, 0.01]), axisOf("optimizer.momentum", [0.1, 0.1, null])];
  expect(keptBy(brushes, axes, 3)).toEqual([true, false, false]);
});

test("a limit is shortened outward, so that the value which it was drawn to stays inside", () => {
  const values = [[0.123456, 0.123454], [-0.123454, -0.123456], [9.99996, 10.00004], [0, 0], [123456, 123454]] as const;
  for (const [low, high] of values) {
    const [kept = [NaN, NaN]] = Object.values(read(written({ x: [low, high] })));
    expect(kept[0]).toBeLessThanOrEqual(low);
    expect(kept[1]).toBeGreaterThanOrEqual(high);
    expect(Math.abs(kept[0] - low) + Math.abs(kept[1] - high)).toBeLessThanOrEqual(2e-4 * Math.abs(low));
  }
  expect(written({ x: [0.123456, 0.123454] })).toEqual(["x:0.12345:0.12346"]);
});

test("a pointer meets an axis, or the line that is nearest between two of them", () => {
  const axes = [axisOf("dropout", [0, 1, null]), axisOf("momentum", [1, 0, 0.5])];
  const width = widthOf(axes.length, 300, 84);
  const plot: Plot = { axes, width, xs: xsOf(axes.length, width, 84), heights: heightsOf(axes) };
  expect([plot.width, plot.xs, widthOf(9, 300, 84)]).toEqual([300, [28, 216], 1056]);
  expect(plot.heights.map((line) => [...line])).toEqual([[TOP + INNER, TOP, HEIGHT - 8], [TOP, TOP + INNER, TOP + INNER / 2]]);
  expect([axisNear(plot, 40)?.path, axisNear(plot, 122)?.path, axisNear(plot, 210)?.path]).toEqual(["dropout", undefined, "momentum"]);
  expect([lineNear(plot, [0, 1], 75, yOf(0.26)), lineNear(plot, [0, 1], 75, yOf(0.75)), lineNear(plot, [1], 75, yOf(0.26)), lineNear(plot, [0, 1], 250, TOP)]).toEqual([0, 1, null, null]);
});

test("a drag along an axis is a range, whichever way it goes; a click is none", () => {
  const axis = axisOf("learning_rate", [0.001, 0.1], { log_uniform: [0.001, 0.1] });
  const drag = { axis, from: placeOf(TOP), to: placeOf(yOf(0.5)) };
  expect(limits(drag).map((value) => value.toPrecision(3))).toEqual(["0.0100", "0.100"]);
  expect([isWide(drag), isWide({ ...drag, to: drag.from }), placeOf(0), placeOf(HEIGHT)]).toEqual([true, false, 1, 0]);
  expect(worstFirst(Float64Array.from([0.5, NaN, 0, 1]))).toEqual([3, 0, 2]);
});

test("survivors stand above those that were pruned, in columns at the rungs", () => {
  const table = {
    number: [0, 1, 2, 3, 4],
    generation: [0, 0, 0, 0, 1],
    state: ["pruned", "finished", "pruned", "pruned", "open"],
    score: [0.9, 0.1, 0.5, 0.8, null],
    epochs: [2, 18, 6, 2, 0],
  };
  const { columns, rows } = lanes(fate(table, 0, 2, 9), 9, false);
  expect(columns).toEqual([
    { epoch: 0, alive: 4, after: 4 },
    { epoch: 1, alive: 4, after: 2 },
    { epoch: 3, alive: 2, after: 1 },
    { epoch: 9, alive: 1, after: 1 },
  ]);
  expect(rows.map((row) => [row.number, row.passed])).toEqual([[1, 3], [2, 2], [3, 1], [0, 1]]);
});

test("what is left of a sweep counts what the open configurations have trained, and is never negative", () => {
  const table = (over: number, open: number): { state: string[]; epochs: number[] } => ({
    state: [...Array<string>(over).fill("finished"), ...Array<string>(open).fill("open")],
    epochs: Array<number>(over + open).fill(60),
  });
  expect(secondsLeft(table(8, 16), 24, 1422, 22.7)).toBeCloseTo(0.8, 1);
  expect(secondsLeft(table(2, 22), 24, 120, 60)).toBe(22);
  expect(secondsLeft(table(8, 16), 24, 1500, 22.7)).toBe(0);
  expect(secondsLeft(table(0, 24), 24, 700, 22.7)).toBeNull();
});

test("a sweep is as fast as it was in the last half minute, and not slower than nothing", () => {
  const after = (...samples: readonly Sample[]): number | null => rateOf(samples.reduce<readonly Sample[]>(sampled, []));
  expect([after(), after({ at: 0, epochs: 7 }), after({ at: 0, epochs: 7 }, { at: 999, epochs: 70 })]).toEqual([null, null, null]);
  expect(after({ at: 0, epochs: 0 }, { at: 30_000, epochs: 900 }, { at: 32_000, epochs: 920 })).toBe(10);
  expect(after({ at: 0, epochs: 50 }, { at: 2000, epochs: 40 })).toBe(0);
});

test("where a budget decides, nobody knows how many configurations there will be", () => {
  const spec = { base: { dataset: "iris" } } as unknown as Parameters<typeof wholeOf>[0]["spec"];
  expect([wholeOf({ spec: { ...spec, trials: { epochs: 40 } }, most_trials: 5000 }), wholeOf({ spec, most_trials: 64 })]).toEqual([null, 64]);
});

test("an axis is log or linear when a reader says so, and a second click takes it back", () => {
  const axis = axisOf("dropout", [0.1, 0.2]);
  const log = turned({ log: [], linear: ["epochs"] }, axis);
  expect(log).toEqual({ log: ["dropout"], linear: ["epochs"] });
  expect(["dropout", "epochs", "score"].map((path) => isLog(log, path))).toEqual([true, false, undefined]);
  expect(turned(log, { ...axis, scale: "log" })).toEqual({ log: [], linear: ["epochs", "dropout"] });
});

test("what does not differ is no axis, unless there is hardly anything else", () => {
  const paths = (configuration: Record<string, readonly unknown[]>): string[] => parametersOf(configuration, {}, { log: [], linear: [] }).map(({ path }) => path);
  expect(paths({ dropout: [0, 0.1], optimizer: ["sgd", "sgd"], batch_size: [8, 16] })).toEqual(["dropout", "batch_size"]);
  expect(paths({ dropout: [0.1], optimizer: ["sgd"] })).toEqual(["dropout", "optimizer"]);
  const [rate] = parametersOf({ learning_rate: [0.1, 0.2] }, { learning_rate: { log_uniform: [0.01, 1] } }, { log: [], linear: [] });
  expect(rate).toMatchObject({ scale: "log", low: 0.01, high: 1 });
});

test("a null that the space chooses is a value on its axis; a parameter that a condition leaves out has none", () => {
  const space = { patience: { choice: [null, 5] }, "optimizer.momentum": { choice: [0.1, 0.9], when: { "optimizer.type": "sgd" } }, gradient_clip: { choice: [null, 1], when: { dropout: 0.5 } } };
  const columns = withNone({ patience: [5, null, 5], "optimizer.momentum": [null, 0.1, 0.9], gradient_clip: [null, 1, null] }, space);
  expect(columns).toEqual({ patience: [5, "none", 5], "optimizer.momentum": [null, 0.1, 0.9], gradient_clip: [null, 1, null] });
  const [patience, momentum] = parametersOf(columns, space, { log: [], linear: [] });
  expect([patience?.words, [...(patience?.values ?? [])]]).toEqual([["5", "none"], [0, 1, 0]]);
  expect([...(momentum?.values ?? [])]).toEqual([NaN, 0.1, 0.9]);
});

test("the two parameters that are looked at are those that were chosen, then those that matter most", () => {
  const parameters = ["a", "b", "c"].map((path) => axisOf(path, [1, 2]));
  const pair = (shares: Record<string, number>, x = "", y = "", of = parameters): (string | undefined)[] => {
    const found = pairOf(of, shares, { x, y });
    return [found.x?.path, found.y?.path];
  };
  expect(pair({})).toEqual(["a", "b"]);
  expect(pair({ gone: 0.9, c: 0.5, b: 0.1, a: 0 })).toEqual(["c", "b"]);
  expect(pair({ c: 0.5, b: 0.1 }, "b")).toEqual(["b", "c"]);
  expect(pair({ c: 0.5, b: 0.1 }, "b", "a")).toEqual(["b", "a"]);
  expect(pair({}, "b", "b")).toEqual(["b", "a"]);
  expect(pair({}, "", "", parameters.slice(0, 1))).toEqual(["a", undefined]);
  expect(pair({}, "", "", [])).toEqual([undefined, undefined]);
});

test("a configuration in words has the names of its parameters; one without any is the base", () => {
  expect(inWords({ learning_rate: 0.1, "architecture.hidden": [8, 4] })).toBe("learning rate 0.1, hidden 8, 4");
  expect(inWords({})).toBe("the base itself");
});

test("the nearer early order is to the final one, the safer it is to stop early", () => {
  expect([null, 0.4, 0.41, 0.8, 0.81].map(saysOf)).toEqual([
    "too few to say", "too early to stop any", "some of the order is there", "some of the order is there", "early order is nearly the final one",
  ]);
});

test("which methods train all they have, and how many that is at most, is what the API says", () => {
  const trials = { anyOf: [{ type: "integer", minimum: 1, maximum: 5000 }, { type: "object" }] };
  const all = { "SweepSpec-Input": { properties: { method: { enum: ["grid", "tpe"], "x-lists": ["grid"] }, trials } } };
  expect([listing(all), mostTrials(all)]).toEqual([["grid"], 5000]);
  expect([listing({}), mostTrials({})]).toEqual([[], undefined]);
});

test("of TPE, no generation is the usual one: what is not given follows from the configurations", () => {
  const all = { "SweepSpec-Input": { properties: { method: { type: "string", default: "tpe" }, generation: { type: "integer", default: 64 } } } };
  expect(["random", "tpe", undefined].map((method) => notGiven(all, method)["generation"])).toEqual([64, null, null]);
  expect(without({ generation: 64, method: "tpe" }, notGiven(all, "tpe"))).toEqual({ generation: 64 });
});

test("configurations are sorted by any column, those without a value last in both directions, and equal ones stay in order", () => {
  const rows = [3, 0, 1, 2];
  expect(ordered(rows, [0.5, null, 0.1, 0.5], false)).toEqual([2, 3, 0, 1]);
  expect(ordered(rows, [0.5, null, 0.1, 0.5], true)).toEqual([3, 0, 2, 1]);
  expect(ordered([0, 1, 2, 3], ["sgd", 2, "adam", 10], false)).toEqual([1, 3, 2, 0]);
  expect(ordered([0, 1, 2], [[16, 16], [8], "full"], false)).toEqual([1, 0, 2]);
});

test("the rows that are kept stand best first, until a column is named", () => {
  const table = {
    number: [0, 1, 2, 3], generation: [0, 0, 0, 0], deviation: [null, null, null, null], epochs: [9, 3, 9, 9],
    state: ["finished", "open", "finished", "finished"] as ("finished" | "open")[], score: [0.5, null, 0.1, 0.3],
    configuration: { optimizer: ["sgd", "adam", "sgd", "adam"] },
  };
  const rows = (sort: string, kept = [true, true, true, true]): number[] => arranged(table, kept, ranks(table.score, false), sort);
  expect(rows("")).toEqual([2, 3, 0, 1]);
  expect(rows("", [true, false, true, false])).toEqual([2, 0]);
  expect(rows("-score")).toEqual([0, 3, 2, 1]);
  expect(rows("epochs")).toEqual([1, 2, 3, 0]);
  expect(rows("configuration.optimizer")).toEqual([3, 1, 2, 0]);
  expect([rows("configuration.gone"), rows("-nonsense")]).toEqual([rows(""), rows("")]);
});

test("the best so far is that of configurations which were trained to their end", () => {
  const table = {
    number: [0, 1, 2, 3, 4, 5], generation: [0, 0, 0, 0, 0, 0], epochs: [9, 1, 9, 9, 9, 0],
    state: ["finished", "pruned", "finished", "finished", "finished", "open"], score: [0.5, 0.1, 0.6, 0.4, 0.4, null],
  };
  expect(improvements(table, false)).toEqual([[0, 0.5], [3, 0.4]]);
  expect(improvements(table, true)).toEqual([[0, 0.5], [2, 0.6]]);
});

test("a configuration is worse, equal or not decided", () => {
  const text = (p: number | null, difference = 0.1, more_needed: number | null = null): string => verdictOf({ number: 1, difference, p, more_needed }).text;
  expect([text(null), text(0.01), text(0.06), text(1, 0), text(0.06, 0.1, 1), text(0.06, 0.1, 3)]).toEqual([
    "–", "worse", "not decided", "equal", "1 more seed needed", "3 more seeds needed",
  ]);
  expect(verdictOf({ number: 1, difference: 0.1, p: 0.0496, more_needed: null }).title).toContain("p = 0.0496,");
});
