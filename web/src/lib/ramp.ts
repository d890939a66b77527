/** From the best to the worst as colours: warm, blue, grey. */

import type { Colours } from "./charts";

type Rgb = readonly [number, number, number];

/** Of `#f6f7f9` or `#fff`, which the build makes of `#ffffff`. */
function rgb(hex: string): Rgb {
  const digits = hex.slice(1);
  const value = parseInt(digits.length === 3 ? digits.replace(/./g, "$&$&") : digits, 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

function mix(a: Rgb, b: Rgb, share: number): string {
  const part = (i: 0 | 1 | 2): number => Math.round(a[i] + (b[i] - a[i]) * share);
  return `rgb(${part(0)}, ${part(1)}, ${part(2)})`;
}

/** The colour of a rank from 0, the best, to 1; `pale` for areas behind points: the share of the ground in it. */
export function ramp(c: Colours, pale = 0): (rank: number) => string {
  const ground = rgb(c.surface);
  const soft = (colour: Rgb, share: number): Rgb => [0, 1, 2].map((i) => (colour[i] ?? 0) + ((ground[i] ?? 0) - (colour[i] ?? 0)) * share) as unknown as Rgb;
  const stops = [rgb(c.val), rgb(c.series[6] ?? c.accent), rgb(c.train), soft(rgb(c.muted), 0.6)].map((one) => soft(one, pale));
  const ends = [0, 0.12, 0.45, 1];
  return (rank) => {
    const i = rank <= 0.12 ? 0 : rank <= 0.45 ? 1 : 2;
    const [from, to] = [ends[i] ?? 0, ends[i + 1] ?? 1];
    return mix(stops[i] ?? ground, stops[i + 1] ?? ground, Math.min(1, (rank - from) / (to - from)));
  };
}
