/** A sweep that somebody writes in the form: as texts, and as the body that the API takes. Every function is pure. */

import { isRecord } from "../../lib/json";

export type Kind = "choice" | "uniform" | "log_uniform" | "integers";

/** One parameter as the form has it. */
export interface RowDraft {
  readonly path: string;
  readonly kind: Kind;
  /** Of a choice: `0.001, 0.01`, `sgd, adam`, `[16], [32, 32]`. */
  readonly values: string;
  readonly low: string;
  readonly high: string;
  readonly step: string;
  readonly log: boolean;
  /** Conditions, as they came; the form keeps them. */
  readonly when?: Readonly<Record<string, unknown>>;
}

export const EMPTY: RowDraft = { path: "", kind: "choice", values: "", low: "", high: "", step: "", log: false };

/** Values that stand in a text with commas; JSON where it is some, else words. */
export function valuesOf(text: string): unknown[] {
  try {
    return JSON.parse(`[${text}]`) as unknown[];
  } catch {
    return split(text)
      .map((one) => one.trim())
      .filter((one) => one !== "")
      .map(valueOf);
  }
}

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** At commas outside of brackets. */
function split(text: string): string[] {
  const parts = [""];
  let depth = 0;
  for (const letter of text) {
    if ("[{".includes(letter)) depth += 1;
    if ("]}".includes(letter)) depth -= 1;
    if (letter === "," && depth === 0) parts.push("");
    else parts[parts.length - 1] += letter;
  }
  return parts;
}

function textOf(value: unknown): string {
  return typeof value === "string" && /^[A-Za-z][\w.-]*$/.test(value) ? value : JSON.stringify(value);
}

/** A number as it was typed, or the text, which the API then names as wrong. */
function numberOf(text: string): unknown {
  return text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text.trim() === "" ? null : text;
}

export function parameterOf(row: RowDraft): unknown {
  const when = row.when === undefined || Object.keys(row.when).length === 0 ? {} : { when: row.when };
  const step = row.step.trim() === "" ? {} : { step: numberOf(row.step) };
  const limits = [numberOf(row.low), numberOf(row.high)];
  switch (row.kind) {
    case "choice":
      return { choice: valuesOf(row.values), ...when };
    case "uniform":
      return { uniform: limits, ...step, ...when };
    case "log_uniform":
      return { log_uniform: limits, ...when };
    case "integers":
      return { integers: limits, ...step, ...(row.log ? { log: true } : {}), ...when };
  }
}

export function rowOf(path: string, parameter: unknown): RowDraft {
  const fields = isRecord(parameter) ? parameter : { choice: parameter };
  const kind = (["choice", "uniform", "log_uniform", "integers"] as const).find((one) => one in fields) ?? "choice";
  const limits = kind === "choice" ? [] : (fields[kind] as readonly unknown[]);
  const choice = Array.isArray(fields["choice"]) ? fields["choice"] : [];
  const when = isRecord(fields["when"]) && Object.keys(fields["when"]).length > 0 ? { when: fields["when"] } : {};
  return {
    path,
    kind,
    values: choice.map(textOf).join(", "),
    low: String(limits[0] ?? ""),
    high: String(limits[1] ?? ""),
    step: fields["step"] === undefined || fields["step"] === null || fields["step"] === 1 ? "" : String(fields["step"]),
    log: fields["log"] === true,
    ...when,
  };
}

/** What the API says of a field and of all that is in it. */
export function errorsAt(errors: readonly { path: string; message: string }[], field: string): string | undefined {
  const found = errors.filter((error) => error.path === field || error.path.startsWith(`${field}.`));
  if (found.length === 0) return undefined;
  return found.map((error) => (error.path === field ? error.message : `${error.path.slice(field.length + 1)} ${error.message}`)).join("; ");
}
