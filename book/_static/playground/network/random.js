/* Random numbers by whole-number arithmetic: the same seed gives the same ones in every browser.

   xoshiro128** (Blackman and Vigna 2018), its state filled from the seed as its authors advise. */
(function part() {
  "use strict";
  const { lenet } = self;
  lenet.remember(part);

  const SPAN = 2 ** 32;

  /* What draws numbers from a seed, a whole number from 0 to 2^32 - 1. */
  function random(seed) {
    const next = xoshiro(seed);
    return {
      /* A whole number from 0 to n - 1. */
      below: (n) => Math.floor((next() / SPAN) * n),
      /* From 0 to below 1. */
      unit: () => next() / SPAN,
      /* Of mean 0 and deviation 1, and never beyond 6: sines and logarithms, by which one else makes
         such numbers, differ from browser to browser. */
      normal() {
        let sum = -6 * SPAN;
        for (let i = 0; i < 12; i++) sum += next();
        return sum / SPAN;
      },
    };
  }

  function xoshiro(seed) {
    if (!Number.isInteger(seed) || seed < 0 || seed >= SPAN) {
      throw new Error(`a seed must be a whole number from 0 to ${SPAN - 1}, got ${seed}`);
    }
    let [a, b, c, d] = filled(seed);
    return function next() {
      const result = Math.imul(turned(Math.imul(b, 5), 7), 9);
      const t = b << 9;
      c ^= a;
      d ^= b;
      b ^= c;
      a ^= d;
      c ^= t;
      d = turned(d, 11);
      return result >>> 0;
    };
  }

  function turned(bits, by) {
    return (bits << by) | (bits >>> (32 - by));
  }

  /* Four numbers of 32 bits from one, no bit of which is lost: the finalizer of MurmurHash3. */
  function filled(seed) {
    return [1, 2, 3, 4].map((number) => {
      let z = (seed + Math.imul(number, 0x9e3779b9)) | 0;
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      return z ^ (z >>> 16);
    });
  }

  /* The numbers from 0 to n - 1 in a random order (Fisher and Yates). */
  function shuffled(n, seed) {
    const { below } = random(seed);
    const order = Uint32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = below(i + 1);
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  }

  Object.assign(lenet, { random, shuffled });
})();
