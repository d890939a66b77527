/** Parallel coordinates on a canvas: the lines, the axes over them, and over both what a reader points at. */

import { type Axis, place, ticks } from "../../lib/axes";
import type { Colours } from "../../lib/charts";
import { ramp } from "../../lib/ramp";
import { HEIGHT, INNER, type Plot, TOP, yOf } from "./parallel";

type Canvas = CanvasRenderingContext2D;

/** Strokes of lines that are drawn together, at most: more take too long. */
const STROKES = 250;
/** Lines that are drawn on top. */
const BEST = 8;

/** The canvas, empty, in CSS pixels. */
export function emptied(canvas: HTMLCanvasElement, width: number): Canvas | null {
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  if (canvas.height !== Math.round(HEIGHT * ratio)) canvas.height = Math.round(HEIGHT * ratio);
  const g = canvas.getContext("2d");
  g?.setTransform(ratio, 0, 0, ratio, 0, 0);
  g?.clearRect(0, 0, width, HEIGHT);
  return g;
}

/** `rows` from the worst to the best by `ranks`; those that are not `kept` are pale and below. */
export function paintLines(g: Canvas, c: Colours, plot: Plot, rows: readonly number[], kept: readonly boolean[], ranks: Float64Array): void {
  const colour = ramp(c);
  const active = rows.filter((row) => kept[row]);
  g.lineJoin = "round";
  if (active.length < rows.length) {
    g.beginPath();
    for (const row of rows) if (!kept[row]) trace(g, plot, row);
    g.globalAlpha = Math.min(0.35, 60 / rows.length + 0.03);
    g.strokeStyle = c.muted;
    g.lineWidth = 0.75;
    g.stroke();
  }
  // Some lines at a time, so that where many pass is seen; then the best, which nothing hides.
  g.lineWidth = active.length > 400 ? 1 : 1.5;
  g.globalAlpha = Math.max(0.1, Math.min(0.85, 9 / Math.sqrt(active.length)));
  const together = Math.ceil(active.length / STROKES);
  for (let i = 0; i < active.length; i += together) {
    g.beginPath();
    for (const row of active.slice(i, i + together)) trace(g, plot, row);
    g.strokeStyle = colour(ranks[active[i] ?? 0] ?? 1);
    g.stroke();
  }
  g.globalAlpha = 1;
  g.lineWidth = 1.75;
  g.beginPath();
  for (const row of active.slice(-Math.min(BEST, Math.ceil(active.length / 20)))) if ((ranks[row] ?? 1) < 0.2) trace(g, plot, row);
  g.strokeStyle = colour(0);
  g.stroke();
}

/** Each axis with its ticks, and "absent" below it where a line that is drawn has no value. */
export function paintAxes(g: Canvas, c: Colours, { axes, xs, width }: Plot, ranks: Float64Array): void {
  g.font = `12px ${c.font}`;
  g.textBaseline = "middle";
  axes.forEach((axis, k) => {
    const x = xs[k] ?? 0;
    g.strokeStyle = c.muted;
    g.lineWidth = 1;
    g.beginPath();
    g.moveTo(x, TOP);
    g.lineTo(x, TOP + INNER);
    g.stroke();
    const room = (xs[k + 1] ?? width) - x - 12;
    for (const tick of ticks(axis).slice(0, Math.floor(INNER / 18))) {
      const y = TOP + INNER * (1 - tick.place);
      g.beginPath();
      g.moveTo(x - 3, y);
      g.lineTo(x + 3, y);
      g.stroke();
      const text = cut(g, tick.text, room);
      g.lineWidth = 4;
      g.strokeStyle = c.surface;
      g.globalAlpha = 0.9;
      g.strokeText(text, x + 7, y);
      g.globalAlpha = 1;
      g.fillStyle = c.text;
      g.fillText(text, x + 7, y);
      g.lineWidth = 1;
      g.strokeStyle = c.muted;
    }
    if (axis.values.some((value, row) => Number.isNaN(value) && !Number.isNaN(ranks[row]))) {
      g.fillStyle = c.muted;
      g.fillText("absent", x + 7, HEIGHT - 8);
    }
  });
}

/** The limits of each axis that has some. */
export function paintRanges(g: Canvas, c: Colours, { axes, xs }: Plot, rangeOf: (axis: Axis) => readonly [number, number] | undefined): void {
  g.fillStyle = c.accent;
  g.strokeStyle = c.accent;
  g.lineWidth = 1.5;
  axes.forEach((axis, k) => {
    const range = rangeOf(axis);
    if (range === undefined) return;
    const [y, bottom] = [yOf(place(axis, range[1])), yOf(place(axis, range[0]))];
    const box = [(xs[k] ?? 0) - 8, y, 16, bottom - y] as const;
    g.globalAlpha = 0.25;
    g.fillRect(...box);
    g.globalAlpha = 1;
    g.strokeRect(...box);
  });
}

/** The line that is pointed at, with a dot at each axis. */
export function paintHot(g: Canvas, c: Colours, plot: Plot, row: number): void {
  g.beginPath();
  trace(g, plot, row);
  g.lineWidth = 5;
  g.strokeStyle = c.surface;
  g.stroke();
  g.lineWidth = 2.5;
  g.strokeStyle = c.accent;
  g.stroke();
  g.lineWidth = 1.5;
  g.strokeStyle = c.surface;
  g.fillStyle = c.accent;
  plot.xs.forEach((x, k) => {
    g.beginPath();
    g.arc(x, plot.heights[k]?.[row] ?? 0, 4, 0, 7);
    g.fill();
    g.stroke();
  });
}

function trace(g: Canvas, { xs, heights }: Plot, row: number): void {
  for (let k = 0; k < xs.length; k += 1) {
    const [x, y] = [xs[k] ?? 0, heights[k]?.[row] ?? 0];
    if (k === 0) g.moveTo(x, y);
    else g.lineTo(x, y);
  }
}

function cut(g: Canvas, text: string, room: number): string {
  if (g.measureText(text).width <= room) return text;
  let length = text.length;
  while (length > 1 && g.measureText(`${text.slice(0, length)}…`).width > room) length -= 1;
  return `${text.slice(0, length)}…`;
}
