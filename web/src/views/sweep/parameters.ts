/** The parameters of a sweep as axes, and which two of them are looked at. Every function is pure. */

import { type Axis, axisOf, type Described } from "../../lib/axes";
import { isLog, type Scales } from "./scales";

/** An axis for each parameter; where there are more than two, those with one value only are left out. */
export function parametersOf(configuration: Readonly<Record<string, readonly unknown[]>>, space: Readonly<Record<string, Described>>, scales: Scales): Axis[] {
  const fields = Object.entries(configuration);
  return fields
    .map(([name, column]) => axisOf(name, column, space[name] ?? {}, isLog(scales, name)))
    .filter((axis) => new Set(axis.values).size > 1 || fields.length < 3);
}

export interface Pair<T> {
  readonly x: T;
  readonly y: T;
}

/** Those that the reader has chosen, else those that matter most, else the first; `shares` has the most important first. */
export function pairOf(parameters: readonly Axis[], shares: Readonly<Record<string, number>>, chosen: Pair<string>): Pair<Axis | undefined> {
  const important = Object.keys(shares).filter((path) => parameters.some((axis) => axis.path === path)).slice(0, 2);
  const called = (path: string | undefined): Axis | undefined => parameters.find((axis) => axis.path === path);
  const x = called(chosen.x) ?? called(important[0]) ?? parameters[0];
  const others = parameters.filter((axis) => axis !== x);
  const y = others.find((axis) => axis.path === chosen.y) ?? others.find((axis) => important.includes(axis.path)) ?? others[0];
  return { x, y };
}
