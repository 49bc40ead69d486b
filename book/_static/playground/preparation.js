/* From a drawing to what a network sees: MNIST's own preparation, step by step.

   The same numbers as `lenet_utils.prepare_digit` and `lenet_utils.scale`, to within rounding: where
   those count in 32-bit floats, Math.fround rounds here; where NumPy rounds halves to even, so do
   we. LeCun et al. 1998, preprint pp. 7 and 10. */
(function () {
  "use strict";
  const lenet = (window.lenet = window.lenet || {});

  const BOX = 20; // pixels: the digit's longer side
  const FIELD = 28; // the image around it
  const CENTRE = 14; // where the centre of mass goes, counting pixels from 0
  const FAINTEST = Math.fround(0.1); // ink below this share of the darkest counts as paper
  const VISIBLE = 16; // of 255: less ink than this nobody would see
  const SMALL = 16; // side of the digits of LeNet-1
  const BACKGROUND = -0.1; // what a network gets for paper...
  const INK = 1.175; // ...and for full ink: preprint p. 7

  /* Prepare a drawing, `opacity` being width * height bytes of ink on paper, row by row.

     Returns null for a blank page; otherwise every step: `box`, the digit's bounding box;
     `fitted`, the box scaled to 20 pixels; `field`, 28 x 28 bytes, its centre of mass in the middle;
     and `corner`, where the fitted digit lies in the field. */
  function prepare(opacity, width, height) {
    const ink = cleaned(opacity);
    if (ink === null) return null;
    const box = boundingBox(ink, width, height);
    const fitted = fit(crop(ink, width, box), box.width, box.height);
    const corner = centred(fitted);
    return { box, fitted, corner, field: placed(fitted, corner) };
  }

  /* Scale so that the darkest is 255, and drop what is nearly paper. */
  function cleaned(opacity) {
    let strongest = 0;
    for (let i = 0; i < opacity.length; i++) if (opacity[i] > strongest) strongest = opacity[i];
    if (strongest < VISIBLE) return null;
    const byOpacity = Uint8Array.from({ length: 256 }, (_, value) => {
      const share = Math.fround(value / strongest);
      return share < FAINTEST ? 0 : roundHalfEven(Math.fround(share * 255));
    });
    const ink = new Uint8Array(opacity.length);
    for (let i = 0; i < ink.length; i++) ink[i] = byOpacity[opacity[i]]; // faster than map
    return ink;
  }

  function boundingBox(ink, width, height) {
    let [top, left, bottom, right] = [height, width, -1, -1];
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        if (ink[row * width + column] === 0) continue;
        top = Math.min(top, row);
        bottom = row;
        left = Math.min(left, column);
        right = Math.max(right, column);
      }
    }
    return { top, left, height: bottom - top + 1, width: right - left + 1 };
  }

  function crop(pixels, width, box) {
    const cut = new Uint8Array(box.width * box.height);
    for (let row = 0; row < box.height; row++) {
      const start = (box.top + row) * width + box.left;
      cut.set(pixels.subarray(start, start + box.width), row * box.width);
    }
    return cut;
  }

  /* Scale the digit so that its longer side is 20 pixels and its darkest pixel 255. */
  function fit(digit, width, height) {
    const factor = BOX / Math.max(width, height);
    const size = {
      width: Math.max(1, roundHalfEven(width * factor)),
      height: Math.max(1, roundHalfEven(height * factor)),
    };
    const small = resizeBytes(digit, width, height, size.width, size.height);
    const darkest = small.reduce((most, value) => Math.max(most, value), 0);
    const fullInk = Math.fround(255 / darkest); // a fine pen fades when it shrinks
    return { ...size, pixels: small.map((value) => roundHalfEven(Math.fround(value * fullInk))) };
  }

  /* Where to put the digit so that its centre of mass is in the middle, but never over the edge. */
  function centred({ pixels, width, height }) {
    let [mass, down, across] = [0, 0, 0];
    pixels.forEach((value, place) => {
      mass += value;
      down += value * Math.floor(place / width);
      across += value * (place % width);
    });
    return {
      row: clamp(roundHalfEven(CENTRE - down / mass), 0, FIELD - height),
      column: clamp(roundHalfEven(CENTRE - across / mass), 0, FIELD - width),
    };
  }

  function placed({ pixels, width, height }, corner) {
    const field = new Uint8Array(FIELD * FIELD);
    for (let row = 0; row < height; row++) {
      const line = pixels.subarray(row * width, (row + 1) * width);
      field.set(line, (corner.row + row) * FIELD + corner.column);
    }
    return field;
  }

  // --- Resizing with a triangle filter, which averages when it shrinks -------------------------

  /* For each pixel of a line of `to`: the first pixel of the line of `from` it takes, and the
     weights, which sum to 1. Pillow's BILINEAR and PyTorch's antialias=True agree on them. */
  function triangleWeights(from, to) {
    const scale = from / to;
    const reach = Math.max(scale, 1);
    return Array.from({ length: to }, (_, place) => {
      const centre = (place + 0.5) * scale;
      const first = Math.max(0, Math.trunc(centre - reach + 0.5));
      const end = Math.min(from, Math.trunc(centre + reach + 0.5));
      const weights = [];
      for (let i = first; i < end; i++) {
        weights.push(Math.max(0, 1 - Math.abs((i - centre + 0.5) * (1 / reach))));
      }
      const sum = weights.reduce((total, weight) => total + weight, 0);
      return { first, weights: weights.map((weight) => weight / sum) };
    });
  }

  /* Resize each of the `lines`, `from` pixels long, as the `taps` say; rows and columns change
     places, so that doing it twice resizes both ways and turns the picture back. */
  function resizeLines(pixels, lines, from, taps, finish) {
    const turned = new Float64Array(taps.length * lines);
    for (let line = 0; line < lines; line++) {
      taps.forEach(({ first, weights }, place) => {
        const start = line * from + first;
        let sum = 0;
        for (let i = 0; i < weights.length; i++) sum += weights[i] * pixels[start + i];
        turned[place * lines + line] = finish(sum);
      });
    }
    return turned;
  }

  /* As Pillow does it: across first, then down, with weights in whole numbers of 1/2^22, and
     rounded to bytes after each. */
  function resizeBytes(pixels, width, height, toWidth, toHeight) {
    const one = 2 ** 22;
    const taps = (from, to) =>
      triangleWeights(from, to).map(({ first, weights }) => ({
        first,
        weights: weights.map((weight) => Math.round(weight * one)),
      }));
    const toByte = (sum) => Math.floor((sum + one / 2) / one);
    const across = resizeLines(pixels, height, width, taps(width, toWidth), toByte);
    return Uint8Array.from(resizeLines(across, toWidth, height, taps(height, toHeight), toByte));
  }

  // --- What the networks get -----------------------------------------------------------------

  /* The input of `network` for a field of 28 x 28 bytes, moved by `shift` pixels down and right.

     LeNet-5: padded to 32 x 32 with paper. LeNet-1: the 20 x 20 box around the ink shrunk to
     16 x 16, framed to 28 x 28 (preprint p. 13). Then paper becomes -0.1 and ink 1.175. */
  function networkInput(network, field, shift = { row: 0, column: 0 }) {
    const side = network.shrunk ? SMALL : FIELD;
    const picture = network.shrunk ? shrink(field) : field;
    const margin = (network.size - side) / 2;
    const values = new Float64Array(network.size * network.size).fill(Math.fround(BACKGROUND));
    for (let row = 0; row < side; row++) {
      for (let column = 0; column < side; column++) {
        const down = row + margin + shift.row;
        const right = column + margin + shift.column;
        if (Math.min(down, right) < 0 || Math.max(down, right) >= network.size) continue;
        values[down * network.size + right] = scaled(picture[row * side + column]);
      }
    }
    return { maps: 1, side: network.size, values };
  }

  function scaled(value) {
    const ink = Math.fround(value * Math.fround((INK - BACKGROUND) / 255));
    return Math.fround(ink + Math.fround(BACKGROUND));
  }

  /* Shrink the 20 x 20 box around the ink of a field to 16 x 16; still 0 to 255, but no bytes. */
  function shrink(field) {
    const ink = boundingBox(field, FIELD, FIELD);
    const box = {
      top: boxStart(ink.top, ink.height),
      left: boxStart(ink.left, ink.width),
      width: BOX,
      height: BOX,
    };
    const digit = crop(field, FIELD, box);
    const taps = triangleWeights(BOX, SMALL);
    const across = resizeLines(digit, BOX, BOX, taps, Math.fround);
    return resizeLines(across, SMALL, BOX, taps, Math.fround);
  }

  function boxStart(first, length) {
    return clamp(Math.floor((2 * first + length - BOX) / 2), 0, FIELD - BOX);
  }

  function roundHalfEven(value) {
    const below = Math.floor(value);
    const isHalf = value - below === 0.5;
    return isHalf ? below + Math.abs(below % 2) : Math.round(value);
  }

  function clamp(value, least, most) {
    return Math.min(Math.max(value, least), most);
  }

  Object.assign(lenet, { BACKGROUND, BOX, FIELD, INK, clamp, networkInput, prepare });
})();
