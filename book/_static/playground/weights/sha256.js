/* SHA-256 (FIPS 180-4). A browser's own is there only on pages that it takes for safe. */
(function () {
  "use strict";
  const { lenet } = self;

  const BLOCK = 64; // bytes

  /* The first 32 bits behind the point of a root of each of the first `count` primes. */
  function roots(count, root) {
    const found = [];
    for (let n = 2; found.length < count; n++) {
      let prime = true;
      for (let d = 2; d * d <= n; d++) if (n % d === 0) prime = false;
      if (prime) found.push(Math.floor((root(n) % 1) * 2 ** 32) | 0);
    }
    return found;
  }

  const START = roots(8, Math.sqrt);
  const ROUNDS = roots(64, Math.cbrt);

  /* The digest of `bytes`, in hexadecimal. */
  function sha256(bytes) {
    const length = Math.ceil((bytes.length + 9) / BLOCK) * BLOCK;
    const padded = new Uint8Array(length);
    padded.set(bytes);
    padded[bytes.length] = 0x80;
    const view = new DataView(padded.buffer);
    view.setBigUint64(length - 8, BigInt(8 * bytes.length));
    const hash = Int32Array.from(START);
    const words = new Int32Array(64);
    for (let block = 0; block < length; block += BLOCK) {
      for (let i = 0; i < 16; i++) words[i] = view.getInt32(block + 4 * i);
      mix(hash, words);
    }
    return [...hash].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
  }

  function mix(hash, words) {
    for (let i = 16; i < 64; i++) {
      const [x, y] = [words[i - 15], words[i - 2]];
      const s0 = turned(x, 7) ^ turned(x, 18) ^ (x >>> 3);
      const s1 = turned(y, 17) ^ turned(y, 19) ^ (y >>> 10);
      words[i] = words[i - 16] + s0 + words[i - 7] + s1;
    }
    let [a, b, c, d, e, f, g, h] = hash;
    for (let i = 0; i < 64; i++) {
      const s1 = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25);
      const one = (h + s1 + ((e & f) ^ (~e & g)) + ROUNDS[i] + words[i]) | 0;
      const s0 = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22);
      const two = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((word, i) => {
      hash[i] += word;
    });
  }

  function turned(bits, by) {
    return (bits >>> by) | (bits << (32 - by));
  }

  Object.assign(lenet, { sha256 });
})();
