/* Telling ink from paper: where in a picture is the digit, and how much ink is at each pixel.

   The same as lenet_utils/data/ink.py, whose constants these are. A picture of colours is {width,
   height, bands, values}, its bytes pixel by pixel, of one band where it is grey. */
(function script() {
  "use strict";
  const { lenet } = self;
  lenet.remember(script);

  const FAINTEST_SEEN = 16; // of 255: less a person would not see
  const FAINTEST = 0.1; // ink below this share of the darkest is paper, in a picture without noise
  const HALF = 0.35; // and in a photograph: shadows, printed lines and compression are fainter
  const SHADED = 0.65; // where a shadow nearly as dark as ink reaches across, or is wider than strokes
  const NOISES = 5; // standard deviations of the paper that are no ink

  /* Find the ink of the digit in a picture of colours.

     Returns `paper`, how bright it is along the colour that tells ink from it; `ink`, how much there
     is at each pixel, 0 to 1; `digit`, that of the components which can be one; `labels` and `parts`,
     all components; and whether there are `several` digits side by side. Throws lenet.NoDigit. */
  function findDigit(colours) {
    const found = findInk(colours);
    const sheet = lenet.sheetOf(found.labels, found.parts);
    if (sheet === null) return found;
    try {
      return findDigit(sheetAlone(colours, sheet)); // look again, at the paper alone
    } catch (error) {
      if (!(error instanceof lenet.NoDigit)) throw error;
      return found; // nothing is written on it, so it was no paper
    }
  }

  function findInk(colours) {
    const { isPlain, noise, paper, ink } = lenet.difference(colours);
    const strongest = isPlain ? lenet.extent(ink.values)[1] : lenet.strongestOf(ink);
    if (strongest < Math.max(FAINTEST_SEEN, isPlain ? 0 : 1.5 * NOISES * noise)) {
      throw new lenet.NoDigit("blank");
    }
    const least = isPlain ? FAINTEST * strongest : Math.max(HALF * strongest, NOISES * noise);
    let found = partsAbove(least, ink, isPlain);
    if (!isPlain && lenet.noStrokes(found.chosen, found.labels)) {
      const darker = partsAbove(SHADED * strongest, ink, isPlain);
      const isLess = areaOf(darker.chosen) < 0.5 * areaOf(found.chosen);
      if (isLess && !lenet.noStrokes(darker.chosen, darker.labels)) found = darker;
    }
    return { paper, ...inkOf(found, ink, strongest, isPlain) };
  }

  /* Keep all that was drawn, but specks: `ink` is on paper of one exact colour. */
  function partsOf(ink, strongest) {
    return inkOf(partsAbove(FAINTEST * strongest, ink, true), ink, strongest, true);
  }

  /* The components of what is at least so much ink; the `chosen` ones, which can be a digit; and
     whether those are `several` digits, side by side. */
  function partsAbove(least, { width, height, values }, isPlain) {
    const mask = new Uint8Array(values.length);
    for (let i = 0; i < mask.length; i++) mask[i] = values[i] >= least;
    const { labels, parts } = lenet.label({ width, height, values: mask });
    const chosen = lenet.kept(parts, labels, isPlain);
    return { labels, parts, chosen, several: lenet.areSeveral(chosen) };
  }

  function areaOf(parts) {
    return parts.reduce((sum, { area }) => sum + area, 0);
  }

  /* Add all ink, 0 to 1, and that of the chosen components, `digit`. */
  function inkOf(found, { width, height, values }, strongest, isPlain) {
    const shares = new Float32Array(values.length);
    for (let i = 0; i < shares.length; i++) shares[i] = lenet.clamp(values[i] / strongest, 0, 1);
    const isChosen = new Uint8Array(found.parts.length + 1);
    for (const part of found.chosen) isChosen[part.label] = 1;
    const near = isPlain ? 0 : 1; // a stroke's edges are fainter than the limit
    const digit = new Float32Array(values.length);
    for (const part of found.chosen) {
      const [bottom, right] = [part.top + part.height + near, part.left + part.width + near];
      for (let row = Math.max(part.top - near, 0); row < Math.min(bottom, height); row++) {
        for (
          let column = Math.max(part.left - near, 0);
          column < Math.min(right, width);
          column++
        ) {
          if (!touches(found.labels, isChosen, row, column, near)) continue;
          digit[row * width + column] = shares[row * width + column];
        }
      }
    }
    const picture = (of) => ({ width, height, values: of });
    return { ...found, ink: picture(shares), digit: picture(digit) };
  }

  function touches({ width, height, values }, isChosen, row, column, near) {
    for (let down = Math.max(row - near, 0); down <= Math.min(row + near, height - 1); down++) {
      const last = down * width + Math.min(column + near, width - 1);
      for (let place = down * width + Math.max(column - near, 0); place <= last; place++) {
        if (isChosen[values[place]]) return true;
      }
    }
    return false;
  }

  /* The picture around a sheet, all that is not on it being of its most usual colour. */
  function sheetAlone({ width, bands, values }, sheet) {
    const places = [];
    let [top, left, bottom, right] = [sheet.height, width, -1, -1];
    sheet.values.forEach((isSheet, place) => {
      if (!isSheet) return;
      places.push(place);
      const row = Math.floor(place / width);
      top = Math.min(top, row);
      bottom = row;
      left = Math.min(left, place % width);
      right = Math.max(right, place % width);
    });
    const usual = Array.from({ length: bands }, (_, band) =>
      lenet.medianByte(Uint8Array.from(places, (place) => values[place * bands + band])),
    );
    const inside = { width: right - left + 1, height: bottom - top + 1, bands };
    inside.values = new Uint8Array(inside.width * inside.height * bands);
    let to = 0;
    for (let row = top; row <= bottom; row++) {
      for (let place = row * width + left; place <= row * width + right; place++) {
        for (let band = 0; band < bands; band++) {
          inside.values[to++] = sheet.values[place] ? values[place * bands + band] : usual[band];
        }
      }
    }
    return inside;
  }

  Object.assign(lenet, { FAINTEST_SEEN, findDigit, partsOf });
})();
