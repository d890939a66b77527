import svelte from "eslint-plugin-svelte";
import globals from "globals";
import ts from "typescript-eslint";

export default ts.config(
  { ignores: ["node_modules", "src/lib/openapi.d.ts"] },
  ...ts.configs.strict,
  ...svelte.configs.recommended,
  {
    languageOptions: { globals: globals.browser },
    rules: {
      eqeqeq: "error",
      "no-restricted-syntax": [
        "error",
        // Names, tags, columns and messages come from people: text is set as text, never as HTML.
        { selector: "MemberExpression[property.name=/^(innerHTML|outerHTML)$/]", message: "Set text, not HTML." },
      ],
      "@typescript-eslint/no-dynamic-delete": "off",
      "@typescript-eslint/no-unused-vars": ["error", { varsIgnorePattern: "^_", argsIgnorePattern: "^_" }],
      "svelte/no-at-html-tags": "error",
      "svelte/no-navigation-without-resolve": "off", // a rule of SvelteKit
      "svelte/prefer-svelte-reactivity": "off", // most Maps and Dates here are values, not state
    },
  },
  { files: ["**/*.svelte", "**/*.svelte.ts"], languageOptions: { parserOptions: { parser: ts.parser } } },
);
