/** A small network in the browser: its weights from the service, and what each neuron answers over the plane. */

import type { Frame } from "./points";

export interface Layer {
  /** [outputs][inputs], row by row. */
  readonly weights: Float32Array;
  readonly biases: Float32Array;
}

/** The layers in a flat list of numbers: the weights of a layer, [outputs][inputs], then its biases. Null: it does not fit. */
export function layersOf(flat: Float32Array, sizes: readonly number[]): Layer[] | null {
  const layers: Layer[] = [];
  let at = 0;
  for (let i = 1; i < sizes.length; i++) {
    const [inputs, outputs] = [sizes[i - 1] ?? 0, sizes[i] ?? 0];
    const weights = flat.subarray(at, at + inputs * outputs);
    const biases = flat.subarray(at + inputs * outputs, at + inputs * outputs + outputs);
    layers.push({ weights, biases });
    at += outputs * (inputs + 1);
  }
  return at === flat.length ? layers : null;
}

const ACTIVATIONS: Readonly<Record<string, (x: number) => number>> = {
  identity: (x) => x,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  tanh: Math.tanh,
  relu: (x) => Math.max(x, 0),
  leaky_relu: (x) => Math.max(x, 0.01 * x),
  elu: (x) => (x > 0 ? x : Math.expm1(x)),
  gelu: (x) => 0.5 * x * (1 + Math.tanh(0.7978845608 * (x + 0.044715 * x ** 3))), // drawn, not computed with
  silu: (x) => x / (1 + Math.exp(-x)),
};

/**
 * What each neuron answers on a grid of `side` x `side` points of the frame, row 0 at the bottom: a list of layers, of
 * neurons, of values. The first layer is the inputs; the last one is logits.
 */
export function answers(layers: readonly Layer[], activation: string, frame: Frame, side: number): Float32Array[][] {
  const cells = side * side;
  const across = new Float32Array(cells);
  const up = new Float32Array(cells);
  for (let cell = 0; cell < cells; cell++) {
    across[cell] = frame.left + ((frame.right - frame.left) * (cell % side)) / (side - 1);
    up[cell] = frame.bottom + ((frame.top - frame.bottom) * Math.floor(cell / side)) / (side - 1);
  }
  const found: Float32Array[][] = [[across, up]];
  const act = ACTIVATIONS[activation] ?? Math.tanh;
  for (const [number, { weights, biases }] of layers.entries()) {
    const before = found[number] ?? [];
    const last = number === layers.length - 1;
    found.push(
      Array.from(biases, (bias, neuron) => {
        const sum = new Float32Array(cells).fill(bias);
        for (const [input, values] of before.entries()) {
          const weight = weights[neuron * before.length + input] ?? 0;
          for (let cell = 0; cell < cells; cell++) sum[cell] = (sum[cell] ?? 0) + weight * (values[cell] ?? 0);
        }
        return last ? sum : sum.map(act);
      }),
    );
  }
  return found;
}

/** Logits as what is drawn of them: of two classes -1 for the first, to 1 for the second; of more the class. */
export function decided(logits: readonly Float32Array[]): Float32Array {
  const [first = new Float32Array(0), second = first] = logits;
  if (logits.length === 2) return first.map((value, cell) => Math.tanh(((second[cell] ?? 0) - value) / 2));
  return first.map((_, cell) => logits.reduce((best, one, label) => ((one[cell] ?? 0) > (logits[best]?.[cell] ?? 0) ? label : best), 0));
}

/**
 * Values on a grid of `side` x `side` over `from`, read on a grid of `wanted` x `wanted` over `to`: between four cells, and
 * beyond the edge as at the edge. Of classes, which have no between, the nearest cell is read.
 */
export function resampled(values: Float32Array, side: number, from: Frame, to: Frame, wanted: number, classes: boolean): Float32Array {
  const found = new Float32Array(wanted * wanted);
  const clamp = (place: number): number => Math.min(side - 1, Math.max(0, place));
  const at = (column: number, row: number): number => values[row * side + column] ?? 0;
  for (let row = 0; row < wanted; row++) {
    const up = to.bottom + ((to.top - to.bottom) * row) / (wanted - 1);
    const y = clamp(((up - from.bottom) / (from.top - from.bottom)) * (side - 1));
    for (let column = 0; column < wanted; column++) {
      const across = to.left + ((to.right - to.left) * column) / (wanted - 1);
      const x = clamp(((across - from.left) / (from.right - from.left)) * (side - 1));
      if (classes) {
        found[row * wanted + column] = at(Math.round(x), Math.round(y));
        continue;
      }
      const [x0, y0] = [Math.floor(x), Math.floor(y)];
      const [x1, y1] = [Math.min(side - 1, x0 + 1), Math.min(side - 1, y0 + 1)];
      const [u, v] = [x - x0, y - y0];
      found[row * wanted + column] = (1 - v) * ((1 - u) * at(x0, y0) + u * at(x1, y0)) + v * ((1 - u) * at(x0, y1) + u * at(x1, y1));
    }
  }
  return found;
}

/** Bytes of base64. */
export function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
