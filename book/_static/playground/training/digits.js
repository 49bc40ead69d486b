/* The digits one learns from: unpacked when a training begins, and altered as the reader wishes. */
(function () {
  "use strict";
  const lenet = (window.lenet = window.lenet || {});

  const WRONG = 0.01; // the share of labels that become wrong
  const SPECKLED = 0.1; // the share of pixels that become paper or ink: preprint p. 16
  const PIXELS = 28 * 28;

  let unpacked = null;

  /* Bring the digits, once: {train, validation, test}, each {pixels, labels}, MNIST's own bytes. */
  function bringDigits() {
    unpacked ??= lenet.bring("data/mnist").then(unpackAll);
    unpacked.catch(() => (unpacked = null)); // a later try asks again
    return unpacked;
  }

  async function unpackAll() {
    const parts = Object.entries(lenet.mnist).map(async ([name, { labels, pixels }]) => [
      name,
      { labels: Uint8Array.from(labels), pixels: await inflate(lenet.bytes(pixels)) },
    ]);
    const digits = Object.fromEntries(await Promise.all(parts));
    delete lenet.mnist; // two megabytes and a half of text that nobody needs any more
    return digits;
  }

  async function inflate(bytes) {
    const packed = new Blob([bytes]).stream();
    const stream = packed.pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  /* What a network learns from, {labels, pixels}: a copy of `digits` without the class `leftOut`, with
     the labels of `swapped`, [a, b] or null, exchanged, with one label in a hundred `wrong`, and
     with `noise`. Its `order` is that of all digits, by the seed, without those left out: so two
     trainings side by side get the same images one after the other. */
  function altered(digits, { leftOut, swapped, wrong, noise, seed }) {
    const random = lenet.random(seed);
    const kept = [...digits.labels.keys()].filter((i) => digits.labels[i] !== leftOut);
    const labels = Uint8Array.from(kept, (i) => relabelled(digits.labels[i], swapped));
    const pixels = new Uint8Array(kept.length * PIXELS);
    kept.forEach((from, to) => {
      pixels.set(digits.pixels.subarray(from * PIXELS, (from + 1) * PIXELS), to * PIXELS);
    });
    if (wrong) mislabel(labels, random);
    if (noise) speckle(pixels, random);
    const placeOf = new Map(kept.map((from, to) => [from, to]));
    const all = [...lenet.shuffled(digits.labels.length, seed)];
    const order = Uint32Array.from(all.filter((i) => placeOf.has(i)).map((i) => placeOf.get(i)));
    return { labels, pixels, order };
  }

  function relabelled(label, swapped) {
    const place = swapped ? swapped.indexOf(label) : -1;
    return place < 0 ? label : swapped[1 - place];
  }

  function mislabel(labels, random) {
    labels.forEach((label, i) => {
      if (random.unit() < WRONG) labels[i] = (label + 1 + random.below(9)) % 10;
    });
  }

  function speckle(pixels, random) {
    for (let i = 0; i < pixels.length; i++) {
      if (random.unit() < SPECKLED) pixels[i] = random.unit() < 0.5 ? 0 : 255;
    }
  }

  Object.assign(lenet, { altered, bringDigits });
})();
