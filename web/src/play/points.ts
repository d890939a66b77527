/**
 * The playground's points. They are made here, so that they are seen before anything is trained, and go with the job as
 * inline data. The shapes are those of the service's made data sets.
 */

export const SHAPES = ["circles", "moons", "xor", "spirals", "blobs"] as const;
export type Shape = (typeof SHAPES)[number];

export interface Point {
  readonly x: number;
  readonly y: number;
  /** Index of its class. */
  readonly label: number;
  readonly validation: boolean;
}

export interface Recipe {
  readonly shape: Shape;
  readonly rows: number;
  /** Standard deviation of the noise, as a share of the picture's usual range: 0 to 1. */
  readonly noise: number;
  /** Of spirals and blobs. */
  readonly classes: number;
  /** Share of the rows that are for validation. */
  readonly validation: number;
  readonly seed: number;
}

/** Classes of a shape: only spirals and blobs can have more than two. */
export function classesOf({ shape, classes }: Pick<Recipe, "shape" | "classes">): number {
  return shape === "spirals" || shape === "blobs" ? classes : 2;
}

/** Uniform numbers in [0, 1) from a seed (the generator splitmix32). */
export function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** Points of the recipe; the same recipe always gives the same points, rounded to four decimals. */
export function points(recipe: Recipe): Point[] {
  const random = uniform(recipe.seed * 7919 + 1);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const classes = classesOf(recipe);
  const made: { x: number; y: number; label: number }[] = [];
  for (let i = 0; i < recipe.rows; i++) {
    const label = recipe.shape === "xor" ? xor(i) : i % classes;
    const [x, y, spread] = place(recipe.shape, i, label, classes, random);
    made.push({ x: round(x + spread * recipe.noise * normal()), y: round(y + spread * recipe.noise * normal()), label });
  }
  return divided(made, recipe, classes);
}

/** Validation rows are drawn by class, so that each class has its share in both parts. */
function divided(made: readonly Omit<Point, "validation">[], recipe: Recipe, classes: number): Point[] {
  const draw = uniform(recipe.seed * 104_729 + 2);
  const order = made.map((point, i) => ({ i, label: point.label, key: draw() })).sort((a, b) => a.key - b.key);
  const chosen = new Set<number>();
  for (let label = 0; label < classes; label++) {
    const rows = order.filter((row) => row.label === label);
    for (const { i } of rows.slice(0, Math.round(recipe.validation * rows.length))) chosen.add(i);
  }
  return made.map((point, i) => ({ ...point, validation: chosen.has(i) }));
}

/** Where the i-th point lies without noise, and how far noise of 1 moves it. */
function place(shape: Shape, i: number, label: number, classes: number, random: () => number): [number, number, number] {
  switch (shape) {
    case "xor":
      return [(i >> 1) & 1 ? 1 : -1, i & 1 ? 1 : -1, 0.9];
    case "moons": {
      const angle = Math.PI * random();
      return label === 0 ? [Math.cos(angle), Math.sin(angle), 0.6] : [1 - Math.cos(angle), 0.5 - Math.sin(angle), 0.6];
    }
    case "circles": {
      const angle = 2 * Math.PI * random();
      const radius = label === 0 ? 1 : 0.45;
      return [radius * Math.cos(angle), radius * Math.sin(angle), 0.5];
    }
    case "spirals": {
      const along = Math.sqrt(0.02 + 0.98 * random()); // the root spreads points evenly along the arm
      const angle = 2 * Math.PI * (1.25 * along + label / classes);
      return [along * Math.cos(angle), along * Math.sin(angle), 0.25];
    }
    case "blobs": {
      const angle = 2 * Math.PI * (label / classes + 0.12);
      return [Math.cos(angle), Math.sin(angle), 1];
    }
  }
}

function xor(i: number): number {
  return ((i >> 1) & 1) ^ (i & 1);
}

function round(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}

/** The square around points, with a margin. */
export interface Frame {
  readonly left: number;
  readonly right: number;
  readonly bottom: number;
  readonly top: number;
}

export function frame(of: readonly Pick<Point, "x" | "y">[], margin = 0.1): Frame {
  if (of.length === 0) return { left: -1, right: 1, bottom: -1, top: 1 };
  let [left, right, bottom, top] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const { x, y } of of) {
    left = Math.min(left, x);
    right = Math.max(right, x);
    bottom = Math.min(bottom, y);
    top = Math.max(top, y);
  }
  const [wide, high] = [margin * (right - left || 1), margin * (top - bottom || 1)];
  return { left: left - wide, right: right + wide, bottom: bottom - high, top: top + high };
}
