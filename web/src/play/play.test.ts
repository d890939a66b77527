import { expect, test } from "vitest";
import { Film } from "./film";
import { answers, decided, layersOf, resampled } from "./network";
import { classesOf, frame, points, SHAPES } from "./points";
import { DEFAULT, hiddenBy, jobOf, queryOf, recipeOf, setupOf } from "./setup";

test("the same recipe gives the same points, and each class its share of validation", () => {
  for (const shape of SHAPES) {
    const recipe = { ...recipeOf(DEFAULT), shape, classes: classesOf({ shape, classes: 3 }), validation: 0.25 };
    const made = points(recipe);
    expect(points(recipe)).toEqual(made);
    expect(points({ ...recipe, seed: 1 })).not.toEqual(made);
    expect(made).toHaveLength(recipe.rows);
    for (let label = 0; label < recipe.classes; label++) {
      const rows = made.filter((row) => row.label === label);
      expect(rows.filter((row) => row.validation).length / rows.length).toBeCloseTo(0.25, 1);
    }
  }
});

test("an address is a setup and back, and what it must not say is the default", () => {
  const query = new URLSearchParams("data=spirals&layers=8-4&rate=0.3&batch=full&hide=noise,nothing");
  const setup = setupOf(query);
  expect(setup).toEqual({ ...DEFAULT, shape: "spirals", layers: [8, 4], rate: 0.3, batch: "full" });
  const said = Object.entries(queryOf(setup)).filter(([, value]) => value !== null);
  expect(said).toEqual([["data", "spirals"], ["layers", "8-4"], ["rate", 0.3], ["batch", "full"]]);
  expect([...hiddenBy("noise,nothing")]).toEqual(["noise"]);
  expect(setupOf(new URLSearchParams("data=mnist&layers=99-x&rows=1e9&rate=none&layers=")).layers).toEqual([8]);
  expect(setupOf(new URLSearchParams("rows=1e9&rate=none&data=x"))).toEqual({ ...DEFAULT, rows: 500 });
  expect(setupOf(new URLSearchParams("layers=0")).layers).toEqual([]);
});

test("a setup is a job: the points with their parts, and only what its network has", () => {
  const made = points(recipeOf(DEFAULT));
  const job = jobOf({ ...DEFAULT, optimizer: "momentum", penalty: "l2" }, made);
  expect(job).toMatchObject({ optimizer: { type: "sgd", momentum: 0.9 }, weight_decay: 0.001, architecture: { type: "mlp", hidden: [4, 3] } });
  expect(job["dataset"]).toMatchObject({ y: made.map((row) => row.label) });
  const plain = jobOf({ ...DEFAULT, layers: [], validation: 0 }, points({ ...recipeOf(DEFAULT), validation: 0 }));
  expect(plain).toMatchObject({ architecture: "perceptron", validation_fraction: 0 });
  expect(plain).not.toHaveProperty("activation");
});

test("a film shows pictures one after another, and catches up", () => {
  const film = new Film();
  for (let epoch = 1; epoch <= 30; epoch++) film.add({ epoch });
  film.add({ epoch: 7 }); // again, after a lost connection
  expect(film.pictures).toHaveLength(30);
  let [now, shown] = [0, 0];
  while (film.waiting > 0) {
    if (film.tick(now)) shown += 1;
    now += 16;
  }
  expect([shown, film.shown?.epoch]).toEqual([30, 30]);
  expect(now).toBeLessThan(2000); // 30 pictures in less than two seconds
  film.seek(12);
  expect(film.shown?.epoch).toBe(12);
  expect([film.step(), film.shown?.epoch]).toEqual([true, 13]);
});

test("a network answers as its weights say", () => {
  const layers = layersOf(Float32Array.of(1, 0, 0, 2, 1, -1), [2, 1, 1]);
  expect(layers).toBeNull(); // six numbers are not 2 x 1 + 1 and 1 x 1 + 1
  const found = layersOf(Float32Array.of(1, 2, 0.5, 3, -1), [2, 1, 1]) ?? [];
  const values = answers(found, "relu", { left: -1, right: 1, bottom: -1, top: 1 }, 2);
  expect([...(values[1]?.[0] ?? [])]).toEqual([0, 0, 1.5, 3.5]); // (-1,-1), (1,-1), (-1,1), (1,1)
  expect([...(values[2]?.[0] ?? [])]).toEqual([-1, -1, 3.5, 9.5]);
  expect([...decided([Float32Array.of(0, 9), Float32Array.of(0, -9)])].map(Math.round)).toEqual([0, -1]);
  expect([...decided([Float32Array.of(0, 3), Float32Array.of(1, 2), Float32Array.of(0, 4)])]).toEqual([1, 2]);
});

test("a grid is read over another frame, and beyond its edge as at the edge", () => {
  const from = { left: 0, right: 1, bottom: 0, top: 1 };
  const read = resampled(Float32Array.of(0, 1, 0, 1), 2, from, { left: -1, right: 2, bottom: 0, top: 1 }, 4, false);
  expect([...read.slice(0, 4)]).toEqual([0, 0, 1, 1]);
  expect([...resampled(Float32Array.of(0, 1, 0, 1), 2, from, from, 3, false).slice(0, 3)]).toEqual([0, 0.5, 1]);
  expect(frame([{ x: 0, y: 0 }, { x: 10, y: 2 }])).toEqual({ left: -1, right: 11, bottom: -0.2, top: 2.2 });
});
