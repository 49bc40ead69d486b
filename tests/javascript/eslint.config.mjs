// The rules for the book's own scripts. They are classic scripts: no modules, which fail on file://.
import js from "@eslint/js";

const browser = [
  ...["atob", "Blob", "btoa", "clearTimeout", "DecompressionStream", "document", "history"],
  ...["HTMLLIElement", "ImageData", "IntersectionObserver", "location", "MessageChannel"],
  ...["MutationObserver", "performance", "postMessage", "Response", "self", "setTimeout"],
  ...["TextDecoder", "TextEncoder", "URL", "URLSearchParams", "WebAssembly", "window", "Worker"],
  ...["createImageBitmap", "Image", "lenet", "navigator"],
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
