import { parameterName } from "../../lib/axes";
import { said } from "../../lib/spec";

/** A configuration in a line: "learning rate 0.1, optimizer adam". */
export function inWords(configuration: Readonly<Record<string, unknown>>): string {
  const parts = Object.entries(configuration).map(([name, one]) => `${parameterName(name)} ${said(one)}`);
  return parts.length === 0 ? "the base itself" : parts.join(", ");
}
