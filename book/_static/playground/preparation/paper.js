/* Paper taken away: how bright it is, place by place, and how much each pixel differs from it.

   The other half of lenet_utils/data/ink.py, whose constants these are. */
(function part() {
  "use strict";
  const { lenet } = self;
  lenet.remember(part);

  const EVEN = 7; // of 255: paper that differs by less is of one colour
  const SKEWED = 0.5; // skewness of what differs from its surroundings: below, ink is the darker
  const FAINTEST_UNEVEN = 0.2; // of the paper's brightness: what remains of uneven light is no ink
  const WIDEST_STROKE = 0.25; // of the picture's shorter side

  /* Whether paper is one exact colour; else its noise; its brightness; and the ink. */
  function difference(colours) {
    const { width, height } = colours;
    const level = borderLevel(colours);
    const isPlain = isExact(colours, level);
    let paper;
    let ink;
    if (isPlain || isEven(colours, level)) {
      ink = { width, height, values: alongAxis(colours, level) };
      const [low, high] = lenet.extent(ink.values);
      if (high < -low) ink.values.forEach((value, i) => (ink.values[i] = -value));
      const mean = level.reduce((total, value) => total + value) / level.length;
      paper = { width, height, values: new Float32Array(width * height).fill(mean) };
      if (isPlain) return { isPlain, noise: 0, paper, ink };
    } else {
      [paper, ink] = uneven(colours);
    }
    let apart = 1;
    if (Math.min(width, height) > 100) [ink, apart] = [lenet.gaussian(ink, 0.8), 4];
    const { values } = ink;
    const ends = values.length - apart * width;
    const steps = new Float32Array(Math.max(ends, 0));
    for (let i = 0; i < ends; i++) steps[i] = Math.abs(values[i + apart * width] - values[i]);
    return { isPlain, noise: steps.length ? 1.05 * lenet.median(steps) : 0, paper, ink };
  }

  /* The median of the picture's border, in each band; its corners count twice. */
  function borderLevel({ width, height, bands, values }) {
    return Array.from({ length: bands }, (_, band) => {
      const border = borderOf(width, height);
      return lenet.medianByte(Uint8Array.from(border, (place) => values[place * bands + band]));
    });
  }

  function borderOf(width, height) {
    const places = [];
    for (let i = 0; i < width; i++) places.push(i, (height - 1) * width + i);
    for (let i = 0; i < height; i++) places.push(i * width, i * width + width - 1);
    return places;
  }

  /* Tell paper drawn on a screen from a photograph's, with noise or compression. */
  function isExact({ bands, values }, level) {
    const value = Math.trunc(level[bands - 1]);
    let [exact, near] = [0, 0];
    for (let i = bands - 1; i < values.length; i += bands) {
      if (values[i] === value) exact++;
      else if (Math.abs(values[i] - value) <= 3) near++;
    }
    return exact > Math.max((0.1 * values.length) / bands, 5 * near);
  }

  /* Tell whether the border has one colour, but for ink that reaches it. */
  function isEven(colours, level) {
    const small = brightness(smaller(colours).small, level);
    const low = lenet.quantile(small.values, 0.005);
    const high = lenet.quantile(small.values, 0.995);
    const weaker = Math.min(-low, high);
    if (weaker > Math.max(0.3 * Math.max(-low, high), EVEN)) return false; // light and shadow
    const sizes = small.values.map(Math.abs);
    const strong = 0.75 * lenet.quantile(sizes, 0.99);
    let [paper, either] = [0, 0];
    const border = borderOf(small.width, small.height);
    for (const place of border) {
      const isPaper = sizes[place] < EVEN;
      paper += isPaper;
      either += isPaper || sizes[place] > strong;
    }
    return paper > 0.5 * border.length && either > 0.65 * border.length;
  }

  /* How much each pixel differs from paper, in the direction of the strongest differences. */
  function alongAxis({ bands, values }, level) {
    const differences = new Float32Array(values.length);
    for (let i = 0; i < values.length; i++) differences[i] = values[i] - level[i % bands];
    return along(differences, bands, axisOf(differences, bands));
  }

  function along(values, bands, axis) {
    if (bands === 1 && axis[0] === 1) return values;
    const result = new Float32Array(values.length / bands);
    for (let i = 0; i < result.length; i++) {
      let sum = 0;
      for (let band = 0; band < bands; band++) sum += values[i * bands + band] * axis[band];
      result[i] = sum;
    }
    return result;
  }

  /* The picture with blocks averaged, so that the shorter side is about `SMALL_SIDE`. */
  function smaller(colours) {
    const shorter = Math.min(colours.width, colours.height);
    const factor = Math.max(1, Math.floor(shorter / lenet.SMALL_SIDE));
    return { small: lenet.blocks(colours, factor), factor };
  }

  /* The mean of the bands, `level` taken away from each. */
  function brightness({ width, height, bands, values }, level = null) {
    const result = new Float32Array(width * height);
    for (let i = 0; i < values.length; i++) {
      result[Math.floor(i / bands)] += (values[i] - (level ? level[i % bands] : 0)) / bands;
    }
    return { width, height, values: result };
  }

  /* The direction among red, green and blue in which the strongest differences lie. */
  function axisOf(differences, bands) {
    if (bands === 1) return [1];
    const sizes = new Float32Array(differences.length / 3);
    for (let i = 0; i < differences.length; i++) {
      sizes[Math.floor(i / 3)] += Math.abs(differences[i]);
    }
    const least = Math.max(lenet.extent(sizes)[1] / 2, lenet.quantile(sizes, 0.995));
    const strong = [];
    for (let i = 0; i < sizes.length; i++) if (sizes[i] >= least) strong.push(i);
    const step = Math.max(1, Math.floor(strong.length / 5000));
    const rows = strong.filter((_, i) => i % step === 0);
    const axis = principal(rows.map((i) => differences.subarray(3 * i, 3 * i + 3)));
    const sum = axis[0] + axis[1] + axis[2];
    if (Math.max(...axis) - Math.min(...axis) < 0.01) return [1 / 3, 1 / 3, 1 / 3];
    const length = Math.max(Math.abs(sum), 1.2) * (sum < 0 ? -1 : 1);
    return axis.map((value) => Math.fround(value / length));
  }

  /* The first right singular vector of rows of three: A'A, squared until one direction is left. */
  function principal(rows) {
    let matrix = [0, 1, 2].map((i) =>
      [0, 1, 2].map((j) => rows.reduce((sum, row) => sum + row[i] * row[j], 0)),
    );
    for (let squared = 0; squared < 30; squared++) {
      const trace = matrix[0][0] + matrix[1][1] + matrix[2][2];
      const scaled = matrix.map((row) => row.map((value) => value / trace));
      matrix = scaled.map((row) =>
        [0, 1, 2].map((j) => row.reduce((sum, value, k) => sum + value * scaled[k][j], 0)),
      );
    }
    const longest = matrix.reduce((a, b) => (Math.hypot(...b) > Math.hypot(...a) ? b : a));
    return longest.map((value) => value / Math.hypot(...longest));
  }

  /* Estimate paper place by place: what is left without all that is narrower than a window. */
  function uneven(colours) {
    const { small, factor } = smaller(colours);
    const { width, height, bands } = small;
    const window = Math.max(5, Math.trunc(WIDEST_STROKE * Math.min(width, height)) | 1);
    const picture = (values) => ({ width, height, values });
    const local = new Float32Array(small.values.length);
    for (let band = 0; band < bands; band++) {
      const values = Float32Array.from(
        { length: width * height },
        (_, i) => small.values[i * bands + band],
      );
      const mean = lenet.uniform(picture(values), window).values;
      values.forEach((value, i) => (local[i * bands + band] = value - mean[i]));
    }
    const axis = inksAxis(local, bands);
    const values = lenet.median3(picture(along(small.values, bands, axis)));
    const paper = lenet.opening(values, window);
    const darkest = lenet.most(paper, 3, 1); // where a shadow has a sharp edge, its darker side
    const light = lightOf(brightness(small), values, paper, window);
    const usual = lenet.median(light.values);
    const largePaper = lenet.enlarge(darkest, colours.width, colours.height, factor);
    const largeLight = lenet.enlarge(light, colours.width, colours.height, factor);
    const ink = along(new Float32Array(colours.values), bands, axis);
    for (let i = 0; i < ink.length; i++) {
      ink[i] = (ink[i] - largePaper.values[i]) * (usual / largeLight.values[i]);
    }
    const middle = lenet.median(ink);
    for (let i = 0; i < ink.length; i++) ink[i] -= middle;
    const result = { width: colours.width, height: colours.height, values: ink };
    if (strongestOf(result) < FAINTEST_UNEVEN * usual) throw new lenet.NoDigit("blank");
    largePaper.values.forEach((value, i) => (largePaper.values[i] = Math.abs(value))); // dark ink
    return [largePaper, result];
  }

  /* The axis of the differences from what lies around, towards the rarer ones, which are the ink. */
  function inksAxis(local, bands) {
    const axis = axisOf(local, bands);
    const values = along(local, bands, axis);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const moment = (power) =>
      values.reduce((sum, value) => sum + (value - mean) ** power, 0) / values.length;
    return moment(3) < SKEWED * moment(2) ** 1.5 ? axis.map((value) => -value) : axis;
  }

  /* How bright the light is: the paper's brightness, and where ink is, that of the paper around. */
  function lightOf(light, values, paper, window) {
    const { width, height } = light;
    const above = values.values.map((value, i) => value - paper.values[i]);
    const least = 0.2 * lenet.quantile(above, 0.995);
    const isPaper = above.map((value) => (value < least ? 1 : 0));
    const lit = light.values.map((value, i) => value * isPaper[i]);
    const [sum, share] = [lit, isPaper].map((of) =>
      lenet.uniform({ width, height, values: of }, window),
    );
    const filled = light.values.map((value, i) =>
      isPaper[i] ? value : sum.values[i] / Math.max(share.values[i], 1e-3),
    );
    const smooth = lenet.median3({ width, height, values: filled });
    smooth.values.forEach((value, i) => (smooth.values[i] = Math.max(value, 16)));
    return smooth;
  }

  function strongestOf({ width, height, values }) {
    const step = Math.max(1, Math.floor(height / 1000));
    const some = new Float32Array(Math.ceil(height / step) * width);
    for (let row = 0; row * step < height; row++) {
      const start = row * step * width;
      some.set(values.subarray(start, start + width), row * width);
    }
    return lenet.quantile(some, 0.9998);
  }

  Object.assign(lenet, { difference, strongestOf });
})();
