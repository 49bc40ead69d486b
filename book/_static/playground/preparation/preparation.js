/* From a picture to what a network sees: MNIST's own preparation, step by step.

   The same numbers as `lenet_utils.prepare_digit` and `lenet_utils.scale`, to within rounding: where
   those count in 32-bit floats, Math.fround rounds here; where NumPy rounds halves to even, so do
   we. LeCun et al. 1998, preprint pp. 7 and 10. */
(function part() {
  "use strict";
  const { lenet } = self;
  lenet.remember(part);

  const BOX = 20; // pixels: the digit's longer side
  const FIELD = 28; // the image around it
  const CENTRE = 14; // where the centre of mass goes, counting pixels from 0
  const SMALL = 16; // side of the digits of LeNet-1
  const BACKGROUND = -0.1; // what a network gets for paper...
  const INK = 1.175; // ...and for full ink: preprint p. 7

  /* Thrown where there is no digit; `reason` is "blank", "specks" or "lines". */
  class NoDigit extends Error {
    constructor(reason) {
      super(`no digit: ${reason}`);
      this.reason = reason;
    }
  }

  /* Prepare a picture of colours, as lenet.findDigit takes it.

     Returns what that finds, and further: `box`, the digit's bounding box; `fitted`, the box scaled
     to 20 pixels, the strokes of a wide pen made narrower if `isThinned`; `field`, 28 x 28 bytes, its centre of mass in the middle; and `corner`, where the
     fitted digit lies in the field. Throws lenet.NoDigit. */
  function preparePicture(colours) {
    return placedIn(lenet.findDigit(colours));
  }

  /* Prepare a drawing, `opacity` being width * height bytes of ink on paper, row by row; or return
     null for a blank page. What is ink need not be found: it is what was drawn. */
  function prepare(opacity, width, height) {
    const values = Float32Array.from(opacity);
    const strongest = values.reduce((most, value) => Math.max(most, value), 0);
    if (strongest < lenet.FAINTEST_SEEN) return null;
    return placedIn(lenet.partsOf({ width, height, values }, strongest));
  }

  function placedIn(found) {
    const { box, ...ink } = cutOut(found.digit);
    const digit = { ...ink, values: inkBytes(ink.values) };
    const asDrawn = fit(digit);
    const narrow = lenet.mayBeWide(asDrawn) ? lenet.thinned(digit) : digit;
    const isThinned = narrow !== digit;
    const fitted = isThinned ? fit(cutOut(narrow)) : asDrawn;
    const corner = centred(fitted);
    return { ...found, box, isThinned, fitted, corner, field: placed(fitted, corner) };
  }

  /* The ink in its bounding box. */
  function cutOut({ width, height, values }) {
    const box = boundingBox(values, width, height);
    return { box, width: box.width, height: box.height, values: crop(values, width, box) };
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
    const cut = new pixels.constructor(box.width * box.height);
    for (let row = 0; row < box.height; row++) {
      const start = (box.top + row) * width + box.left;
      cut.set(pixels.subarray(start, start + box.width), row * box.width);
    }
    return cut;
  }

  /* Scale the digit so that its longer side is 20 pixels and its darkest pixel 255. */
  function fit({ width, height, values }) {
    const factor = BOX / Math.max(width, height);
    const size = {
      width: Math.max(1, roundHalfEven(width * factor)),
      height: Math.max(1, roundHalfEven(height * factor)),
    };
    const small = lenet.resizeBytes(values, width, height, size.width, size.height);
    const darkest = small.reduce((most, value) => Math.max(most, value), 0);
    if (darkest === 0) throw new lenet.NoDigit("specks");
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
    const taps = lenet.triangleWeights(BOX, SMALL);
    const across = lenet.resizeLines(digit, BOX, BOX, taps, Math.fround);
    return lenet.resizeLines(across, SMALL, BOX, taps, Math.fround);
  }

  function boxStart(first, length) {
    return clamp(Math.floor((2 * first + length - BOX) / 2), 0, FIELD - BOX);
  }

  /* Shares of ink as bytes; `map` keeps 32-bit floats where they are of 32 bits, as NumPy does. */
  function inkBytes(shares) {
    return new Uint8Array(shares.map((share) => share * 255).map(roundHalfEven)); // from() is slow
  }

  function roundHalfEven(value) {
    const below = Math.floor(value);
    const isHalf = value - below === 0.5;
    return isHalf ? below + Math.abs(below % 2) : Math.round(value);
  }

  function clamp(value, least, most) {
    return Math.min(Math.max(value, least), most);
  }

  Object.assign(lenet, { BACKGROUND, BOX, FIELD, INK, NoDigit });
  Object.assign(lenet, { inkBytes, clamp, networkInput, prepare, preparePicture, roundHalfEven });
})();
