/* A network's passes: an image up through all layers, and its gradients down again.

   The same walk as in lenet_utils/training/walk.py, on the plan that layout.js makes. Equations are
   those of LeCun et al. 1998. */
(function part() {
  "use strict";
  const { lenet } = self;
  lenet.remember(part);

  const WINDOW = 5;
  const UP = { convolution: convolve, subsampling: subsample, full, rbf };
  const DOWN = {
    convolution: convolveBack,
    subsampling: subsampleBack,
    full: fullBack,
    rbf: rbfBack,
  };

  // --- Up --------------------------------------------------------------------------------------

  /* Run the network of `plan` on an image, `values` being its numbers, row by row. */
  function forward(plan, values) {
    plan.engine.floats.set(values, plan.image.begin);
    for (const row of plan.rows) {
      UP[row.kind](plan, row);
      if (row.layer.squash) squash(plan, row);
    }
  }

  function convolve({ engine: { floats, kernels } }, row) {
    for (let map = 0; map < row.maps; map++) {
      kernels.fill(row.begin + map * row.between, row.span, floats[row.bias + map]);
    }
    for (const { to, from, weight } of row.reads) {
      kernels.correlate(to, from, row.kernels + weight, 1, row.pitch, row.span);
    }
  }

  /* Four inputs added, times the map's coefficient, plus its bias (preprint p. 7). */
  function subsample({ engine: { floats, kernels } }, row) {
    const { below } = row;
    for (let map = 0; map < row.maps; map++) {
      const [y, x] = [row.begin + map * row.between, below.begin + map * below.between];
      const [coefficient, bias] = [floats[row.coefficient + map], floats[row.bias + map]];
      kernels.subsample(y, x, coefficient, bias, row.side, below.pitch);
    }
  }

  /* Each unit a weighted sum of all inputs, plus a bias (eq. 5). */
  function full({ engine: { kernels } }, row) {
    const weight = row.weight ?? row.kernels;
    kernels.fullForward(row.begin, row.below.begin, weight, row.bias, row.maps, row.inputs);
  }

  /* Penalties: how far the input is from each class's code. Eq. 7: y_i = sum_j (x_j - w_ij)^2. */
  function rbf({ engine: { floats }, penalties }, row) {
    const [x, { inputs }] = [row.below.begin, row];
    for (let unit = 0; unit < row.maps; unit++) {
      const code = row.codes + unit * inputs;
      let sum = 0;
      for (let j = 0; j < inputs; j++) {
        const away = floats[x + j] - floats[code + j];
        sum += away * away; // a power may differ from browser to browser
      }
      penalties[unit] = sum;
    }
  }

  /* Eq. 6, f(a) = A tanh(S a), or another. */
  function squash({ engine: { kernels } }, row) {
    const { kind, amplitude, slope } = squashing(row);
    for (const [begin, length] of stretches(row)) {
      kernels.squash(begin, length, kind, amplitude, slope);
    }
  }

  const SQUASHING = { tanh: 0, relu: lenet.RELU, logistic: lenet.LOGISTIC };

  function squashing({
    layer: {
      squash: { name = "tanh", amplitude, slope },
    },
  }) {
    return { kind: SQUASHING[name], amplitude, slope };
  }

  /* Where a layer's values lie, waste among them: in one stretch, or one for each map. */
  function stretches({ begin, between, maps, span }) {
    if (span === between) return [[begin, maps * span]];
    return Array.from({ length: maps }, (_, map) => [begin + map * between, span]);
  }

  // --- Down ------------------------------------------------------------------------------------

  /* Go down again from the derivatives of the loss by the penalties, `slopes`, and learn on the way.

     What lies `learned` behind each weight, which may be the weight itself, changes by minus its rate
     times its derivative: eq. 21. With `second`, derivatives are second ones (Appendix C): weights
     and inputs count squared, and squashing functions by the square of their slope. `look(row)` is
     called when the derivatives by what a layer gives out are there. */
  function backward(plan, slopes, { learned = 0, second = false, look = () => {} } = {}) {
    const way = { learned, second, slopes, rates: plan.rates };
    way.inputs = second ? plan.squares : 0;
    way.weights = second ? plan.squared : 0;
    for (let i = plan.rows.length - 1; i >= 0; i--) {
      const row = plan.rows[i];
      look(row);
      if (row.layer.squash) unsquash(plan, row, second);
      DOWN[row.kind](plan, row, way); // what goes down is computed before weights change
    }
  }

  /* The derivative of eq. 7 by an input is 2 (x_j - w_ij); the second, and that of eq. 8, is 2. */
  function rbfBack({ engine: { floats }, gradients }, row, { slopes, second }) {
    const [x, { inputs }] = [row.below.begin, row];
    for (let j = 0; j < inputs; j++) {
      let sum = 0;
      for (let unit = 0; unit < row.maps; unit++) {
        sum += slopes[unit] * (floats[x + j] - floats[row.codes + unit * inputs + j]);
      }
      floats[gradients + x + j] = second ? 2 : 2 * sum;
    }
  }

  function unsquash({ engine: { kernels }, gradients }, row, second) {
    const { kind, amplitude, slope } = squashing(row);
    for (const [begin, length] of stretches(row)) {
      kernels.unsquash(gradients + begin, begin, length, kind, amplitude, slope, second);
    }
  }

  function fullBack({ engine: { floats, kernels }, gradients }, row, { learned, rates, ...way }) {
    const { below, bias, maps, inputs } = row;
    const [weight, g] = [row.weight ?? row.kernels, gradients + row.begin];
    if (!row.first) {
      kernels.fullBack(gradients + below.begin, g, way.weights + weight, maps, inputs);
    }
    for (let i = 0; i < maps; i++) {
      floats[learned + bias + i] -= floats[rates + bias + i] * floats[g + i];
    }
    const x = way.inputs + below.begin;
    kernels.learnRows(learned + weight, rates + weight, g, x, maps, inputs);
  }

  function subsampleBack(
    { engine: { floats, kernels }, gradients },
    row,
    { learned, rates, ...way },
  ) {
    const { below } = row;
    for (let map = 0; map < row.maps; map++) {
      const [bias, coefficient] = [row.bias + map, row.coefficient + map];
      const [g, x] = [gradients + row.begin + map * row.between, below.begin + map * below.between];
      floats[learned + bias] -= floats[rates + bias] * kernels.total(g, row.span);
      const factor = floats[way.weights + coefficient];
      const own = kernels.subsampleBack(
        gradients + x,
        g,
        x,
        factor,
        row.side,
        below.pitch,
        way.second,
      );
      floats[learned + coefficient] -= floats[rates + coefficient] * own;
    }
  }

  function convolveBack(
    { engine: { floats, kernels }, gradients },
    row,
    { learned, rates, ...way },
  ) {
    const { below, bias, between, pitch, span } = row;
    for (let map = 0; map < row.maps; map++) {
      const sum = kernels.total(gradients + row.begin + map * between, span);
      floats[learned + bias + map] -= floats[rates + bias + map] * sum;
    }
    if (!row.first) {
      for (let map = 0; map < below.maps; map++) {
        kernels.fill(gradients + below.begin + map * below.between, row.spanBelow, 0);
      }
      const last = way.weights + row.kernels + WINDOW * WINDOW - 1; // a kernel backwards
      for (const { to, from, weight } of row.reads) {
        const around = gradients + to - row.around; // with the zeros before it
        kernels.correlate(gradients + from, around, last + weight, -1, pitch, row.spanBelow);
      }
    }
    for (const { to, from, weight } of row.reads) {
      const [w, g, x] = [row.kernels + weight, gradients + to, way.inputs + from];
      kernels.learnKernel(learned + w, rates + w, g, x, pitch, span);
    }
  }

  // --- What there is to see ----------------------------------------------------------------------

  /* A layer's values without what is waste, or what lies `behind` them, as {maps, side, values}. */
  function seen(plan, row, behind = 0) {
    const { maps, side, pitch, between } = row;
    if (row.kind === "rbf") return { maps, side, values: plan.penalties.slice() };
    const { floats } = plan.engine;
    const values = new Float32Array(maps * side * side);
    let to = 0;
    for (let map = 0; map < maps; map++) {
      for (let line = 0; line < side; line++) {
        const from = behind + row.begin + map * between + line * pitch;
        for (let i = 0; i < side; i++) values[to++] = floats[from + i];
      }
    }
    return { maps, side, values };
  }

  Object.assign(lenet, { backward, forward, seen });
})();
