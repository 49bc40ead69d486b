/* What is counted over a picture's pixels, as SciPy's ndimage and NumPy count it.

   A picture of numbers is {width, height, values}, row by row. Beyond its border it is mirrored:
   c b a | a b c | c b a, which SciPy calls "reflect". */
(function part() {
  "use strict";
  const { lenet } = self;
  lenet.remember(part);

  /* The share `share` of the values is not above what this returns, as NumPy interpolates it. */
  function quantile(values, share) {
    const place = share * (values.length - 1);
    const below = Math.floor(place);
    const some = new Float32Array(values);
    const low = nth(some, below);
    if (place === below) return low;
    let high = Infinity; // the next larger one is the least of those behind it
    for (let i = below + 1; i < some.length; i++) high = Math.min(high, some[i]);
    return low + (high - low) * (place - below);
  }

  const median = (values) => quantile(values, 0.5);

  /* Move the n-th smallest value to place n, none larger before it, none smaller behind: quickselect. */
  function nth(values, n) {
    let [first, last] = [0, values.length - 1];
    while (first < last) {
      const pivot = values[(first + last) >> 1];
      let [i, j] = [first, last];
      while (i <= j) {
        while (values[i] < pivot) i++;
        while (values[j] > pivot) j--;
        if (i > j) break;
        const moved = values[i];
        values[i++] = values[j];
        values[j--] = moved;
      }
      if (n <= j) last = j;
      else if (n >= i) first = i;
      else break;
    }
    return values[n];
  }

  /* The least and the most. */
  function extent(values) {
    let [low, high] = [Infinity, -Infinity];
    for (let i = 0; i < values.length; i++) {
      if (values[i] < low) low = values[i];
      if (values[i] > high) high = values[i];
    }
    return [low, high];
  }

  /* The median of bytes: they are counted, which is quicker. */
  function medianByte(bytes) {
    const counts = new Uint32Array(256);
    for (const byte of bytes) counts[byte]++;
    const at = (place) => {
      let [byte, passed] = [0, counts[0]];
      while (passed <= place) passed += counts[++byte];
      return byte;
    };
    const middle = (bytes.length - 1) / 2;
    return (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2;
  }

  // --- Filters -------------------------------------------------------------------------------

  function gaussian(picture, sigma) {
    const reach = Math.trunc(4 * sigma + 0.5);
    const weights = Float64Array.from({ length: 2 * reach + 1 }, (_, i) =>
      Math.exp((-0.5 * (i - reach) ** 2) / sigma ** 2),
    );
    const sum = weights.reduce((total, weight) => total + weight);
    return bothWays(picture, reach, (line, result) => {
      for (let i = 0; i < result.length; i++) {
        let total = 0;
        for (let j = 0; j < weights.length; j++) total += weights[j] * line[i + j];
        result[i] = total / sum;
      }
    });
  }

  /* The mean of a square window of `side` pixels, an odd number. */
  function uniform(picture, side) {
    return bothWays(picture, (side - 1) / 2, (line, result) => {
      let total = 0;
      for (let j = 0; j < side - 1; j++) total += line[j];
      for (let i = 0; i < result.length; i++) {
        total += line[i + side - 1];
        result[i] = total / side;
        total -= line[i];
      }
    });
  }

  /* What is brighter and narrower than a square window goes: the least in it, of that the most. */
  function opening(picture, side) {
    return most(most(picture, side, -1), side, 1);
  }

  /* The most in a square window, or the least if `sign` is -1. */
  function most(picture, side, sign) {
    return bothWays(picture, (side - 1) / 2, (line, result) => {
      for (let i = 0; i < result.length; i++) {
        let found = -Infinity;
        for (let j = i; j < i + side; j++) found = Math.max(found, sign * line[j]);
        result[i] = sign * found;
      }
    });
  }

  /* The median of 3 x 3 pixels. */
  function median3({ width, height, values }) {
    const around = new Float32Array(9);
    const result = new Float32Array(values.length);
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        for (let i = 0; i < 9; i++) {
          const down = mirrored(row + Math.floor(i / 3) - 1, height);
          around[i] = values[down * width + mirrored(column + (i % 3) - 1, width)];
        }
        result[row * width + column] = nth(around, 4);
      }
    }
    return { width, height, values: result };
  }

  /* Filter the rows, then the columns. `filterLine` gets a line with `reach` more pixels at both
     ends, and where to put the result. */
  function bothWays(picture, reach, filterLine) {
    return turned(turned(picture, reach, filterLine), reach, filterLine);
  }

  /* Filter the rows, and let rows and columns change places. */
  function turned({ width, height, values }, reach, filterLine) {
    const line = new Float64Array(width + 2 * reach);
    const filtered = new Float64Array(width);
    const from = Int32Array.from(line, (_, i) => mirrored(i - reach, width));
    const result = new Float32Array(values.length);
    for (let row = 0; row < height; row++) {
      for (let i = 0; i < line.length; i++) line[i] = values[row * width + from[i]];
      filterLine(line, filtered);
      filtered.forEach((value, column) => (result[column * height + row] = value));
    }
    return { width: height, height: width, values: result };
  }

  function mirrored(place, length) {
    const period = 2 * length;
    const inside = ((place % period) + period) % period;
    return Math.min(inside, period - 1 - inside);
  }

  Object.assign(lenet, {
    extent,
    gaussian,
    median,
    median3,
    medianByte,
    most,
    opening,
    quantile,
    uniform,
  });
})();
