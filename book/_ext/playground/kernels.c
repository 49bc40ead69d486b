/* The kernels for the page's networks, compiled to WebAssembly: the sums that layers are made of.

   All numbers lie in one row, `floats`, and an argument that names a row of them is the place where
   it begins. plain.js has the same functions in JavaScript, layout.js decides what lies where, and
   passes.js calls them. Equations are those of LeCun et al. 1998.

   Vectors of four numbers are written out, and the order of every sum with them: the compiler may
   change none, so that the results are the same to the last bit wherever this runs. Four sums run
   side by side, because each waits for its own last addition.

   kernels.wasm beside this file is made by `python book/_ext/playground/compile_kernels.py`. */

typedef float four __attribute__((ext_vector_type(4), aligned(4)));
typedef double two __attribute__((ext_vector_type(2)));
typedef float pair __attribute__((ext_vector_type(2), aligned(4)));

#define EXPORT(name) __attribute__((export_name(#name)))
enum { WINDOW = 5, TAPS = WINDOW * WINDOW, LANES = 4, BLOCK = 16 };
enum { TANH, RELU, LOGISTIC };

extern float floats[] __asm__("__heap_base"); /* where the linker's own data end */

static four load(const float *x) { return *(const four *)x; }
static void store(float *x, four value) { *(four *)x = value; }
static four all(float x) { return (four){x, x, x, x}; }
static float sum(four x) { return (x[0] + x[1]) + (x[2] + x[3]); }

EXPORT(fill) void fill(int to, int n, float value) {
  float *x = floats + to;
  for (int i = 0; i < n; i++) x[i] = value;
}

/* Write the squares. */
EXPORT(square) void square(int to, int from, int n) {
  float *out = floats + to;
  const float *x = floats + from;
  for (int i = 0; i < n; i++) out[i] = x[i] * x[i];
}

EXPORT(total) float total(int from, int n) {
  const float *x = floats + from;
  four s = all(0);
  float rest = 0;
  int i = 0;
  for (; i + LANES <= n; i += LANES) s += load(x + i);
  for (; i < n; i++) rest += x[i];
  return sum(s) + rest;
}

/* --- Convolution ------------------------------------------------------------------------------ */

/* Add to out[p] the sum over ky and kx of w[ky][kx] * x[p + ky * pitch + kx], for whole blocks of p.

   With a `direction` of -1, `w` is a kernel's last weight, and the kernel is read backwards. */
EXPORT(correlate) void correlate(int out, int x, int w, int direction, int pitch, int n) {
  for (int p = 0; p < n; p += BLOCK) {
    float *y = floats + out + p;
    const float *weight = floats + w;
    four s0 = load(y), s1 = load(y + 4), s2 = load(y + 8), s3 = load(y + 12);
    for (int row = 0; row < WINDOW; row++) {
      const float *seen = floats + x + p + row * pitch;
#pragma clang loop unroll(full)
      for (int i = 0; i < WINDOW; i++) {
        four v = all(*weight);
        s0 += v * load(seen + i);
        s1 += v * load(seen + i + 4);
        s2 += v * load(seen + i + 8);
        s3 += v * load(seen + i + 12);
        weight += direction;
      }
    }
    store(y, s0), store(y + 4, s1), store(y + 8, s2), store(y + 12, s3);
  }
}

/* Take from w[ky][kx] its rate times the sum over p of g[p] * x[p + ky * pitch + kx]: eq. 21. */
EXPORT(learnKernel) void learnKernel(int w, int rates, int g, int x, int pitch, int n) {
  for (int row = 0; row < WINDOW; row++) {
    const float *slope = floats + g, *seen = floats + x + row * pitch;
    float *weight = floats + w + row * WINDOW, *rate = floats + rates + row * WINDOW;
    four s0 = all(0), s1 = all(0), s2 = all(0), s3 = all(0), s4 = all(0);
    for (int p = 0; p < n; p += LANES) {
      four v = load(slope + p);
      s0 += v * load(seen + p);
      s1 += v * load(seen + p + 1);
      s2 += v * load(seen + p + 2);
      s3 += v * load(seen + p + 3);
      s4 += v * load(seen + p + 4);
    }
    weight[0] -= rate[0] * sum(s0);
    weight[1] -= rate[1] * sum(s1);
    weight[2] -= rate[2] * sum(s2);
    weight[3] -= rate[3] * sum(s3);
    weight[4] -= rate[4] * sum(s4);
  }
}

/* --- Squashing -------------------------------------------------------------------------------- */

/* exp(-t) for t >= 0: a sixteenth of the exponent is small enough for seven terms of the series.
   In 32 bits the four squarings would cost four bits. */
static two falling(two t) {
  t *= -1.0 / 16;
  t = t < -1.2 ? (two){-1.2, -1.2} : t; /* e^-19, beside 1 nothing in 32 bits; NaN stays NaN */
  two e = 1 + t * (1.0 / 7);
  e = 1 + t * (1.0 / 6) * e;
  e = 1 + t * (1.0 / 5) * e;
  e = 1 + t * (1.0 / 4) * e;
  e = 1 + t * (1.0 / 3) * e;
  e = 1 + t * (1.0 / 2) * e;
  e = 1 + t * e;
  e *= e;
  e *= e;
  e *= e;
  return e * e;
}

/* f(a), in place: A tanh(S a), which is A (1 - e) / (1 + e), where e = exp(-2 S a), for a >= 0;
   the larger of a and 0; or A / (1 + exp(-2 S a)). Eq. 6, and what others take for it. */
EXPORT(squash) void squash(int from, int n, int kind, double amplitude, double slope) {
  float *x = floats + from;
  for (int i = 0; i < n; i += 2) {
    two a = __builtin_convertvector(*(pair *)(x + i), two), y;
    if (kind == RELU) {
      y = a < 0 ? 0 : a; /* NaN stays NaN */
    } else {
      two e = falling(2 * slope * (a < 0 ? -a : a));
      two high = kind == LOGISTIC ? amplitude / (1 + e) : amplitude * (1 - e) / (1 + e);
      two low = kind == LOGISTIC ? amplitude * e / (1 + e) : -high;
      y = a > 0 ? high : low;
    }
    *(pair *)(x + i) = __builtin_convertvector(y, pair);
  }
}

/* Multiply `g` by the slope of f, told from what f gave out, y; or by its square (Appendix C). */
EXPORT(unsquash) void unsquash(int g, int y, int n, int kind, float amplitude, float slope, int squared) {
  for (int i = 0; i < n; i += LANES) {
    four out = load(floats + y + i), s;
    if (kind == RELU) {
      s = out > 0 ? all(1) : all(0);
    } else if (kind == LOGISTIC) {
      s = 2 * slope / amplitude * out * (amplitude - out);
    } else {
      s = slope / amplitude * (amplitude - out) * (amplitude + out);
    }
    store(floats + g + i, load(floats + g + i) * (squared ? s * s : s));
  }
}

/* --- Subsampling ------------------------------------------------------------------------------ */

static float window(const float *x, int pitch) { return (x[0] + x[1]) + (x[pitch] + x[pitch + 1]); }

/* Write the sum of each 2 x 2 window, times the coefficient, plus the bias (preprint p. 7). */
EXPORT(subsample) void subsample(int y, int x, float coefficient, float bias, int side, int pitch) {
  float *out = floats + y;
  for (int row = 0; row < side; row++) {
    const float *seen = floats + x + 2 * row * pitch;
    for (int i = 0; i < side; i++) *out++ = coefficient * window(seen + 2 * i, pitch) + bias;
  }
}

/* Give each input its window's gradient times the coefficient; return the coefficient's own. */
EXPORT(subsampleBack)
float subsampleBack(int d, int g, int x, float coefficient, int side, int pitch, int squared) {
  const float *slope = floats + g;
  float own = 0;
  for (int row = 0; row < side; row++) {
    for (int i = 0; i < side; i++, slope++) {
      int at = 2 * (row * pitch + i);
      float seen = window(floats + x + at, pitch), *to = floats + d + at;
      own += *slope * (squared ? seen * seen : seen); /* the sum is squared, as in Lush */
      to[0] = to[1] = to[pitch] = to[pitch + 1] = coefficient * *slope;
    }
  }
  return own;
}

/* --- Full connection -------------------------------------------------------------------------- */

/* Write to each y[u] its bias and the sum over i of w[u][i] * x[i]: eq. 5. */
EXPORT(fullForward) void fullForward(int y, int x, int w, int bias, int units, int n) {
  const float *seen = floats + x;
  for (int u = 0; u < units; u++) {
    const float *weight = floats + w + u * n;
    four s0 = all(0), s1 = all(0), s2 = all(0), s3 = all(0);
    float rest = floats[bias + u];
    int i = 0;
    for (; i + BLOCK <= n; i += BLOCK) {
      s0 += load(weight + i) * load(seen + i);
      s1 += load(weight + i + 4) * load(seen + i + 4);
      s2 += load(weight + i + 8) * load(seen + i + 8);
      s3 += load(weight + i + 12) * load(seen + i + 12);
    }
    for (; i < n; i++) rest += weight[i] * seen[i];
    floats[y + u] = sum((s0 + s1) + (s2 + s3)) + rest;
  }
}

/* Write to each d[i] the sum over u of w[u][i] * g[u]. */
EXPORT(fullBack) void fullBack(int d, int g, int w, int units, int n) {
  float *down = floats + d;
  fill(d, n, 0);
  for (int u = 0; u < units; u++) {
    const float *weight = floats + w + u * n, slope = floats[g + u];
    int i = 0;
    for (; i + LANES <= n; i += LANES) store(down + i, load(down + i) + slope * load(weight + i));
    for (; i < n; i++) down[i] += slope * weight[i];
  }
}

/* Take from w[u][i] its rate times g[u] * x[i]: eq. 21. */
EXPORT(learnRows) void learnRows(int w, int rates, int g, int x, int units, int n) {
  const float *seen = floats + x;
  for (int u = 0; u < units; u++) {
    float *weight = floats + w + u * n, slope = floats[g + u];
    const float *rate = floats + rates + u * n;
    int i = 0;
    for (; i + LANES <= n; i += LANES) {
      store(weight + i, load(weight + i) - load(rate + i) * (slope * load(seen + i)));
    }
    for (; i < n; i++) weight[i] -= rate[i] * (slope * seen[i]);
  }
}
