/** What the page uses of js-yaml, which comes without types. */
declare module "js-yaml" {
  interface Schema {
    extend(more: { implicit: readonly unknown[] }): Schema;
  }
  export const CORE_SCHEMA: Schema;
  export const types: { readonly merge: unknown };
  export function load(text: string, options: { schema: Schema }): unknown;
}
