/** The parameters of a sweep as axes, and which two of them are looked at. Every function is pure. */

import { type Axis, axisOf, type Described } from "../../lib/axes";
import { isLog, type Scales } from "./scales";

/** A parameter and its condition; only what decides whether null is one of its values. */
interface Choosing {
  readonly choice?: readonly unknown[];
  readonly when?: Readonly<Record<string, unknown>>;
}

/**
 * Columns in which null is a word where the space chooses it, as in `patience: [null, 5]`. Where a condition may leave the
 * parameter out, null says that it is absent.
 */
export function withNone(configuration: Readonly<Record<string, unknown[]>>, space: Readonly<Record<string, Choosing>>): Record<string, unknown[]> {
  const chooses = (name: string): boolean => (space[name]?.choice?.includes(null) ?? false) && Object.keys(space[name]?.when ?? {}).length === 0;
  const named = (name: string, column: unknown[]): unknown[] => (chooses(name) ? column.map((value) => value ?? "none") : column);
  return Object.fromEntries(Object.entries(configuration).map(([name, column]) => [name, named(name, column)]));
}

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
