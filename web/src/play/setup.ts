/** The playground's state: what the address says, and the job that it becomes. */

import type { Value } from "../lib/router.svelte";
import { classesOf, SHAPES, type Point, type Recipe, type Shape } from "./points";

export const ACTIVATIONS = ["tanh", "relu", "sigmoid", "identity", "leaky_relu", "elu", "gelu", "silu"] as const;
export const OPTIMIZERS = ["adam", "sgd", "momentum", "rmsprop", "adagrad", "adadelta", "adamw", "muon"] as const;
export const PENALTIES = ["none", "l1", "l2"] as const;
export const RATES = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10];
export const AMOUNTS = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1];
export const BATCHES = ["1", "4", "8", "16", "32", "64", "full"];
export const MOST_LAYERS = 6;
export const MOST_NEURONS = 8;

export interface Setup {
  readonly shape: Shape;
  readonly noise: number;
  readonly rows: number;
  readonly classes: number;
  readonly validation: number;
  readonly dataSeed: number;
  readonly layers: readonly number[];
  readonly activation: (typeof ACTIVATIONS)[number];
  readonly optimizer: (typeof OPTIMIZERS)[number];
  readonly rate: number;
  readonly dropout: number;
  readonly batch: string;
  readonly penalty: (typeof PENALTIES)[number];
  readonly amount: number;
  readonly epochs: number;
  readonly seed: number;
}

export const DEFAULT: Setup = {
  shape: "circles", noise: 0.15, rows: 200, classes: 3, validation: 0.3, dataSeed: 0,
  layers: [4, 3], activation: "tanh", optimizer: "adam", rate: 0.03, dropout: 0, batch: "32",
  penalty: "none", amount: 0.001, epochs: 200, seed: 0,
};

/** Controls that a teacher can hide, with their names. */
export const CONTROLS = {
  data: "Data", noise: "Noise", rows: "Rows", validation: "For validation", regenerate: "New points and weights",
  network: "Layers and neurons", activation: "Activation", optimizer: "Optimizer", rate: "Learning rate",
  batch: "Batch size", dropout: "Dropout", regularisation: "Regularisation", epochs: "Epochs",
} as const;
export type Control = keyof typeof CONTROLS;

/** What `?hide=noise,optimizer` hides; what is no control is passed over. */
export function hiddenBy(text: string): ReadonlySet<Control> {
  return new Set(text.split(",").filter((name): name is Control => Object.hasOwn(CONTROLS, name)));
}

/** The setup of an address; what is missing or not allowed is the default's. */
export function setupOf(query: URLSearchParams): Setup {
  const number = (name: string, otherwise: number, least: number, most: number): number => {
    const text = query.get(name);
    const value = Number(text);
    return text === null || text === "" || !Number.isFinite(value) ? otherwise : Math.min(most, Math.max(least, value));
  };
  const whole = (...of: Parameters<typeof number>): number => Math.round(number(...of));
  const one = <T extends string>(name: string, of: readonly T[], otherwise: T): T =>
    of.find((value) => value === query.get(name)) ?? otherwise;
  return {
    shape: one("data", SHAPES, DEFAULT.shape),
    noise: number("noise", DEFAULT.noise, 0, 1),
    rows: whole("rows", DEFAULT.rows, 20, 500),
    classes: whole("classes", DEFAULT.classes, 2, 6),
    validation: number("validation", DEFAULT.validation, 0, 0.8),
    dataSeed: whole("data_seed", DEFAULT.dataSeed, 0, 9999),
    layers: layersOf(query.get("layers")),
    activation: one("activation", ACTIVATIONS, DEFAULT.activation),
    optimizer: one("optimizer", OPTIMIZERS, DEFAULT.optimizer),
    rate: number("rate", DEFAULT.rate, 1e-6, 1000),
    dropout: number("dropout", DEFAULT.dropout, 0, 0.9),
    batch: one("batch", BATCHES, DEFAULT.batch),
    penalty: one("regularisation", PENALTIES, DEFAULT.penalty),
    amount: number("amount", DEFAULT.amount, 0, 10),
    epochs: whole("epochs", DEFAULT.epochs, 1, 2000),
    seed: whole("seed", DEFAULT.seed, 0, 9999),
  };
}

function layersOf(text: string | null): readonly number[] {
  if (text === null) return DEFAULT.layers;
  const sizes = text.split("-").map(Number).filter((size) => Number.isInteger(size) && size > 0);
  return sizes.slice(0, MOST_LAYERS).map((size) => Math.min(size, MOST_NEURONS));
}

/** The query of a setup: only what is not the default. */
export function queryOf(setup: Setup): Record<string, Value> {
  const otherwise = wholeQuery(DEFAULT);
  return Object.fromEntries(Object.entries(wholeQuery(setup)).map(([name, value]) => [name, value === otherwise[name] ? null : value]));
}

function wholeQuery(setup: Setup): Record<string, Value> {
  return {
    data: setup.shape,
    noise: setup.noise,
    rows: setup.rows,
    classes: setup.classes,
    validation: setup.validation,
    data_seed: setup.dataSeed,
    layers: setup.layers.join("-") || "0",
    activation: setup.activation,
    optimizer: setup.optimizer,
    rate: setup.rate,
    dropout: setup.dropout,
    batch: setup.batch,
    regularisation: setup.penalty,
    amount: setup.amount,
    epochs: setup.epochs,
    seed: setup.seed,
  };
}

/** What the points are made by. */
export function recipeOf(setup: Setup): Recipe {
  const { shape, rows, noise, classes, validation, dataSeed } = setup;
  return { shape, rows, noise, classes: classesOf({ shape, classes }), validation, seed: dataSeed };
}

/** Sizes of all layers, from the two inputs to the outputs. */
export function sizesOf(setup: Setup): number[] {
  return [2, ...setup.layers, classesOf(setup)];
}

/** The job that trains this setup on these points: what `POST /jobs` takes. */
export function jobOf(setup: Setup, rows: readonly Point[]): Record<string, unknown> {
  const validates = rows.some((row) => row.validation);
  return {
    project: "playground",
    name: `${setup.shape} ${setup.layers.join("-") || "perceptron"}`,
    dataset: {
      x: rows.map(({ x, y }) => [x, y]),
      y: rows.map(({ label }) => label),
      ...(validates ? { split: rows.map(({ validation }) => (validation ? "validation" : "train")) } : {}),
    },
    ...(validates ? {} : { validation_fraction: 0 }),
    architecture: setup.layers.length > 0 ? { type: "mlp", hidden: setup.layers } : "perceptron",
    ...(setup.layers.length > 0 ? { activation: setup.activation, dropout: setup.dropout } : {}),
    loss: "cross_entropy",
    optimizer: setup.optimizer === "momentum" ? { type: "sgd", momentum: 0.9 } : setup.optimizer,
    learning_rate: setup.rate,
    ...(setup.penalty === "l1" ? { l1: setup.amount } : {}),
    ...(setup.penalty === "l2" ? { weight_decay: setup.amount } : {}),
    batch_size: setup.batch === "full" ? "full" : Number(setup.batch),
    epochs: setup.epochs,
    seed: setup.seed,
    restore_best: false,
    live_boundary: { every: 1, size: 40 },
  };
}
