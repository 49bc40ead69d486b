/* What computes: WebAssembly with vectors of four numbers where there is such, else JavaScript.

   The kernels of both are the same functions of places in one row of numbers (plain.js, kernels.c),
   with the same results to 1e-5. Those in WebAssembly are the same to the last bit in every browser. */
(function part() {
  "use strict";
  const { lenet } = self;
  lenet.remember(part);

  const PAGE = 2 ** 16; // bytes in which the memory of WebAssembly grows

  let compiled; // undefined before it was tried, null where it cannot be

  /* The compiled module: null without WebAssembly, without its vectors, or where a page may not. */
  function module() {
    if (compiled === undefined) {
      try {
        compiled = new WebAssembly.Module(lenet.bytes(lenet.compiledKernels));
      } catch {
        compiled = null;
      }
    }
    return compiled;
  }

  /* Which of the two this browser has. */
  function engineKind() {
    return module() ? "WebAssembly" : "JavaScript";
  }

  /* So many numbers, all 0, and the kernels that work on them. */
  function newEngine(count) {
    if (!module()) {
      const floats = new Float32Array(count);
      return { floats, kernels: lenet.kernelsOn(floats) };
    }
    const { exports } = new WebAssembly.Instance(module());
    const { memory } = exports;
    const begin = exports.__heap_base.value;
    const missing = begin + 4 * count - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
    return { floats: new Float32Array(memory.buffer, begin, count), kernels: exports };
  }

  /* Bytes from text in base64. */
  function bytes(text) {
    const letters = atob(text);
    const found = new Uint8Array(letters.length);
    for (let i = 0; i < found.length; i++) found[i] = letters.charCodeAt(i); // faster than from
    return found;
  }

  Object.assign(lenet, { bytes, engineKind, newEngine });
})();
