/* The kernels in plain JavaScript: the sums that layers are made of, on one long row of numbers.

   kernels.c has the same functions, and says what each does; engine.js chooses. Arguments that name
   rows are where these begin. Sums are taken in 64 bits, and rounded to 32 where they are kept. */
(function part() {
  "use strict";
  const { lenet } = self;
  lenet.remember(part);

  const WINDOW = 5;
  const [RELU, LOGISTIC] = [1, 2]; // else the scaled tanh

  /* The kernels for the row `floats`. */
  function kernelsOn(floats) {
    return {
      ...rows(floats),
      ...correlating(floats),
      ...squashing(floats),
      ...subsampling(floats),
      ...full(floats),
    };
  }

  function rows(floats) {
    function fill(to, n, value) {
      floats.fill(value, to, to + n);
    }

    function square(to, from, n) {
      for (let i = 0; i < n; i++) floats[to + i] = floats[from + i] * floats[from + i];
    }

    function total(from, n) {
      let sum = 0;
      for (let i = from; i < from + n; i++) sum += floats[i];
      return sum;
    }

    return { fill, square, total };
  }

  function correlating(floats) {
    function correlate(out, x, w, direction, pitch, n) {
      for (let row = 0; row < WINDOW; row++) {
        const from = x + row * pitch;
        const a = floats[w];
        const b = floats[w + direction];
        const c = floats[w + 2 * direction];
        const d = floats[w + 3 * direction];
        const e = floats[w + 4 * direction];
        let x0 = floats[from];
        let x1 = floats[from + 1];
        let x2 = floats[from + 2];
        let x3 = floats[from + 3];
        for (let p = 0; p < n; p++) {
          const x4 = floats[from + p + 4];
          floats[out + p] += a * x0 + b * x1 + c * x2 + d * x3 + e * x4;
          x0 = x1;
          x1 = x2;
          x2 = x3;
          x3 = x4;
        }
        w += direction * WINDOW;
      }
    }

    return { correlate, learnKernel: learning(floats) };
  }

  function learning(floats) {
    return function learnKernel(w, rates, g, x, pitch, n) {
      for (let row = 0; row < WINDOW; row++) {
        const from = x + row * pitch;
        let s0 = 0;
        let s1 = 0;
        let s2 = 0;
        let s3 = 0;
        let s4 = 0;
        let x0 = floats[from];
        let x1 = floats[from + 1];
        let x2 = floats[from + 2];
        let x3 = floats[from + 3];
        for (let p = 0; p < n; p++) {
          const slope = floats[g + p];
          const x4 = floats[from + p + 4];
          s0 += slope * x0;
          s1 += slope * x1;
          s2 += slope * x2;
          s3 += slope * x3;
          s4 += slope * x4;
          x0 = x1;
          x1 = x2;
          x2 = x3;
          x3 = x4;
        }
        floats[w] -= floats[rates] * s0;
        floats[w + 1] -= floats[rates + 1] * s1;
        floats[w + 2] -= floats[rates + 2] * s2;
        floats[w + 3] -= floats[rates + 3] * s3;
        floats[w + 4] -= floats[rates + 4] * s4;
        w += WINDOW;
        rates += WINDOW;
      }
    };
  }

  function squashing(floats) {
    function squash(x, n, kind, amplitude, slope) {
      for (let i = x; i < x + n; i++) {
        const a = floats[i];
        if (kind === RELU) {
          floats[i] = a < 0 ? 0 : a; // NaN stays NaN
          continue;
        }
        const e = falling(2 * slope * Math.abs(a));
        if (kind === LOGISTIC) floats[i] = (a > 0 ? amplitude : amplitude * e) / (1 + e);
        else floats[i] = ((a > 0 ? amplitude : -amplitude) * (1 - e)) / (1 + e);
      }
    }

    function unsquash(g, y, n, kind, amplitude, slope, squared) {
      for (let i = 0; i < n; i++) {
        const out = floats[y + i];
        let s = (slope / amplitude) * (amplitude - out) * (amplitude + out);
        if (kind === RELU) s = out > 0 ? 1 : 0;
        if (kind === LOGISTIC) s = ((2 * slope) / amplitude) * out * (amplitude - out);
        floats[g + i] *= squared ? s * s : s;
      }
    }

    return { squash, unsquash };
  }

  /* exp(-t) for t >= 0: a sixteenth of the exponent is small enough for seven terms of the series. */
  function falling(t) {
    t *= -1 / 16;
    if (t < -1.2) t = -1.2; // e^-19, beside 1 nothing in 32 bits; NaN stays NaN
    let e = 1 + t * (1 / 7);
    e = 1 + t * (1 / 6) * e;
    e = 1 + t * (1 / 5) * e;
    e = 1 + t * (1 / 4) * e;
    e = 1 + t * (1 / 3) * e;
    e = 1 + t * (1 / 2) * e;
    e = 1 + t * e;
    e *= e;
    e *= e;
    e *= e;
    return e * e;
  }

  function subsampling(floats) {
    function subsample(y, x, coefficient, bias, side, pitch) {
      for (let row = 0; row < side; row++) {
        let from = x + 2 * row * pitch;
        for (let column = 0; column < side; column++) {
          floats[y++] = coefficient * window(from, pitch) + bias;
          from += 2;
        }
      }
    }

    function subsampleBack(d, g, x, coefficient, side, pitch, squared) {
      let own = 0;
      for (let row = 0; row < side; row++) {
        for (let column = 0; column < side; column++) {
          const at = 2 * (row * pitch + column);
          const slope = floats[g++];
          const sum = window(x + at, pitch);
          own += slope * (squared ? sum * sum : sum);
          const given = coefficient * slope;
          floats[d + at] = given;
          floats[d + at + 1] = given;
          floats[d + at + pitch] = given;
          floats[d + at + pitch + 1] = given;
        }
      }
      return own;
    }

    function window(x, pitch) {
      return floats[x] + floats[x + 1] + floats[x + pitch] + floats[x + pitch + 1];
    }

    return { subsample, subsampleBack };
  }

  function full(floats) {
    function fullForward(y, x, w, bias, units, n) {
      for (let unit = 0; unit < units; unit++) {
        let sum = floats[bias + unit];
        for (let i = 0; i < n; i++) sum += floats[w + i] * floats[x + i];
        floats[y + unit] = sum;
        w += n;
      }
    }

    function fullBack(d, g, w, units, n) {
      floats.fill(0, d, d + n);
      for (let unit = 0; unit < units; unit++) {
        const slope = floats[g + unit];
        for (let i = 0; i < n; i++) floats[d + i] += slope * floats[w + i];
        w += n;
      }
    }

    function learnRows(w, rates, g, x, units, n) {
      for (let unit = 0; unit < units; unit++) {
        const slope = floats[g + unit];
        for (let i = 0; i < n; i++) floats[w + i] -= floats[rates + i] * (slope * floats[x + i]);
        w += n;
        rates += n;
      }
    }

    return { fullForward, fullBack, learnRows };
  }

  Object.assign(lenet, { kernelsOn, RELU, LOGISTIC });
})();
