/* Pictures larger and smaller, as Pillow makes them. */
(function part() {
  "use strict";
  const { lenet } = self;
  lenet.remember(part);

  /* For each pixel of a line of `to`: the first pixel of the line of `from` it takes, and the
     weights of that and the next ones, which sum to 1; the line covers `span` pixels of `from`. It is
     a triangle filter, which averages when it shrinks: Pillow's BILINEAR, PyTorch's antialias=True. */
  function triangleWeights(from, to, span = from) {
    const scale = span / to;
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
    taps.forEach(({ first, weights }, place) => {
      for (let line = 0; line < lines; line++) {
        const start = line * from + first;
        let sum = 0;
        for (let i = 0; i < weights.length; i++) sum += weights[i] * pixels[start + i];
        turned[place * lines + line] = finish(sum);
      }
    });
    return turned;
  }

  /* Bytes are resized with weights in whole numbers of 1/2^22, and rounded to bytes after each of the
     two ways. Which comes first shows in the last place: Pillow 13.0 begins with the columns where
     they shrink by more than twice the pixels that the rows do, as its results tell; older ones,
     always with the rows. */
  function resizeBytes(pixels, width, height, toWidth, toHeight) {
    const one = 2 ** 22;
    const toByte = (sum) => Math.floor((sum + one / 2) / one);
    const taps = (from, to) =>
      triangleWeights(from, to).map(({ first, weights }) => ({
        first,
        weights: weights.map((weight) => Math.round(weight * one)),
      }));
    const lost = height - toHeight;
    if (lost > 0 && lost > 2 * (width - toWidth)) {
      const turned = resizeBytes(
        transposed(pixels, width, height),
        height,
        width,
        toHeight,
        toWidth,
      );
      return transposed(turned, toHeight, toWidth);
    }
    const across = resizeLines(pixels, height, width, taps(width, toWidth), toByte);
    return Uint8Array.from(resizeLines(across, toWidth, height, taps(height, toHeight), toByte));
  }

  function transposed(pixels, width, height) {
    return Uint8Array.from(pixels, (_, i) => pixels[(i % height) * width + Math.floor(i / height)]);
  }

  /* Numbers, one of which stands for `factor` pixels each way, for `width` x `height` pixels. */
  function enlarge(small, width, height, factor) {
    const taps = (from, to) => triangleWeights(from, to, Math.min(to / factor, from));
    const across = taps(small.width, width);
    const wide = resizeLines(small.values, small.height, small.width, across, Math.fround);
    const down = taps(small.height, height);
    const values = resizeLines(wide, width, small.height, down, Math.fround);
    return { width, height, values: Float32Array.from(values) };
  }

  /* The mean of whole blocks of `factor` x `factor` pixels, band by band; what is left over at the
     right and at the bottom is left out. */
  function blocks({ width, height, bands, values }, factor) {
    const small = { width: Math.floor(width / factor), height: Math.floor(height / factor), bands };
    small.values = new Float32Array(small.width * small.height * bands);
    for (let row = 0; row < small.height; row++) {
      const sums = new Float64Array(small.width * bands);
      for (let down = 0; down < factor; down++) {
        let from = (row * factor + down) * width * bands;
        for (let column = 0; column < small.width; column++) {
          for (let i = 0; i < factor; i++) {
            for (let band = 0; band < bands; band++) sums[column * bands + band] += values[from++];
          }
        }
      }
      small.values.set(
        sums.map((sum) => sum / factor ** 2),
        row * sums.length,
      );
    }
    return small;
  }

  Object.assign(lenet, { blocks, enlarge, resizeBytes, resizeLines, triangleWeights });
})();
