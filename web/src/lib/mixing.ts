/** Colours mixed of two, and what can be read on them. Every function is pure. */

type Channels = readonly [number, number, number];

function channels(hex: string): Channels {
  const long = hex.length === 4 ? hex.replace(/[^#]/g, "$&$&") : hex; // the build writes #ffffff as #fff
  const channel = (at: number): number => parseInt(long.slice(at, at + 2), 16);
  return [channel(1), channel(3), channel(5)];
}

/** `colour` over `ground`, opaque; both are written as #rrggbb. */
export function blend(colour: string, ground: string, share: number): string {
  const [above, below] = [channels(colour), channels(ground)];
  const mixed = above.map((one, i) => Math.round(share * one + (1 - share) * (below[i] ?? 0)));
  return `#${mixed.map((one) => one.toString(16).padStart(2, "0")).join("")}`;
}

/** WCAG's contrast of two colours, from 1 to 21. */
export function contrast(one: string, other: string): number {
  const [low = 0, high = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

function luminance(hex: string): number {
  const [r, g, b] = channels(hex).map((one) => (one / 255 <= 0.04045 ? one / 255 / 12.92 : ((one / 255 + 0.055) / 1.055) ** 2.4)) as unknown as Channels;
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** Black or white, whichever is read better on this colour: at least 4.5:1 on every one. */
export function readableOn(ground: string): string {
  return contrast("#000000", ground) > contrast("#ffffff", ground) ? "#000000" : "#ffffff";
}
