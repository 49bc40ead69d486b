// The rules for the book's own scripts. They are classic scripts: no modules, which fail on file://.
import js from "@eslint/js";

const browser = [
<<<<<<< HEAD
  ...["atob", "Blob", "clearTimeout", "document", "HTMLLIElement", "ImageData"],
  ...["IntersectionObserver", "location", "MessageChannel", "MutationObserver", "performance"],
  ...["postMessage", "self", "setTimeout", "TextDecoder", "TextEncoder", "URL"],
  ...["URLSearchParams", "WebAssembly", "window", "Worker", "lenet"],
=======
  ...["atob", "Blob", "clearTimeout", "DecompressionStream", "document", "HTMLLIElement"],
  ...["ImageData", "IntersectionObserver", "location", "MessageChannel", "MutationObserver"],
  ...["performance", "postMessage", "Response", "self", "setTimeout", "URL", "URLSearchParams"],
  ...["WebAssembly", "window", "Worker", "lenet"],
>>>>>>> 89a5cd4 (The training panel's parts: digits as a script, settings, curves, kernels, one image's way, files)
];

export default [
  js.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: "error" },
    languageOptions: {
      ecmaVersion: 2023,
      sourceType: "script",
      globals: Object.fromEntries(browser.map((name) => [name, "readonly"])),
    },
    rules: {
      curly: ["error", "multi-line"],
      eqeqeq: "error",
      "func-style": ["error", "declaration", { allowArrowFunctions: true }],
      "max-lines": ["error", 300],
      "max-lines-per-function": ["error", { max: 50, IIFEs: false, skipComments: true }],
      "no-implicit-globals": "error",
      "no-shadow": "error",
      "no-unused-vars": "error",
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
      "prefer-template": "error",
      strict: ["error", "function"],
    },
  },
];
