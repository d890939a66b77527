/** YAML, read as in a spec file: a date is a text. With its reader it is loaded where somebody writes. */

import { CORE_SCHEMA, load, types } from "js-yaml";

const SCHEMA = CORE_SCHEMA.extend({ implicit: [types.merge] });

/** The value of the YAML or JSON in `text`. Throws an error whose first line says what is wrong. */
export function read(text: string): unknown {
  return load(text, { schema: SCHEMA });
}
