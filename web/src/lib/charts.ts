/** What charts share: the page's colours, axes, and tooltips that our content security policy allows. */

import type { EChartsOption } from "echarts";
import { tick } from "./format";

export type { EChartsOption };

/** How many colours of series there are: `--series-1` and on. */
export const SERIES = 8;

/** The tokens as a canvas needs them. */
export interface Colours {
  readonly text: string;
  readonly muted: string;
  readonly line: string;
  readonly surface: string;
  readonly accent: string;
  readonly train: string;
  readonly val: string;
  readonly test: string;
  readonly good: string;
  readonly bad: string;
  readonly series: readonly string[];
  readonly font: string;
}

/** The colours of the theme that is seen now. */
export function colours(): Colours {
  const style = getComputedStyle(document.documentElement);
  const token = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    text: token("text"),
    muted: token("text-3"),
    line: token("line"),
    surface: token("raised"),
    accent: token("accent"),
    train: token("train"),
    val: token("val"),
    test: token("test"),
    good: token("good"),
    bad: token("bad"),
    series: Array.from({ length: SERIES }, (_, i) => token(`series-${i + 1}`)),
    font: token("font"),
  };
}

/** Data that a chart shows, as a table for those who do not see it. */
export interface ChartTable {
  readonly head: readonly string[];
  readonly rows: readonly (readonly (string | number | null)[])[];
}

/** The look of every chart; an option's own fields win. */
export function base(c: Colours): EChartsOption {
  return {
    animation: false,
    textStyle: { fontFamily: c.font, color: c.muted, fontSize: 12 },
    color: [...c.series],
    grid: { left: 8, right: 16, top: 24, bottom: 8, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
  };
}

/** The limits of an axis of epochs or seconds: the first and the last; a single one stands in the middle, and none is below 0. */
export const REACH = {
  min: ({ min, max }: { min: number; max: number }) => (min === max ? Math.max(min - 1, 0) : min),
  max: ({ min, max }: { min: number; max: number }) => (min === max ? max + (Math.min(max, 1) || 1) : max),
};

/** An axis in the page's colours, with `more` on top. */
export function axis<T extends object>(c: Colours, more: T): T {
  return {
    axisLine: { show: false },
    axisTick: { show: false },
    splitLine: { lineStyle: { color: c.line, width: 1 } },
    nameTextStyle: { color: c.muted, fontSize: 12 },
    nameGap: 24,
    ...more,
    axisLabel: {
      ...{ color: c.muted, fontSize: 12, hideOverlap: true, formatter: (value: unknown) => (typeof value === "number" ? tick(value) : String(value)) },
      ...(more as { axisLabel?: object }).axisLabel,
    },
  };
}

/** The frame of a tooltip. Its `formatter` must answer `tip(...)`: a string of HTML with styles is blocked. */
export function tooltip(c: Colours): object {
  return {
    backgroundColor: c.surface,
    borderColor: c.line,
    borderWidth: 1,
    padding: [8, 12],
    confine: true,
    transitionDuration: 0,
    extraCssText: "border-radius: 8px; box-shadow: 0 4px 16px rgb(0 0 0 / 16%); z-index: 20",
  };
}

/** The content of a tooltip: a heading, and lines of colour, name and value. */
export function tip(heading: string, lines: readonly { colour?: string; name: string; value: string }[]): HTMLElement {
  const box = document.createElement("div");
  box.className = "tip";
  box.appendChild(document.createElement("strong")).textContent = heading;
  const grid = box.appendChild(document.createElement("div"));
  for (const { colour, name, value } of lines) {
    const dot = grid.appendChild(document.createElement("i"));
    if (colour !== undefined) dot.style.background = colour;
    grid.appendChild(document.createElement("span")).textContent = name;
    grid.appendChild(document.createElement("b")).textContent = value;
  }
  return box;
}
