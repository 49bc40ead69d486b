/* A new LeNet-5 to be trained, made from choices, and a network's weights as one row. */
(function part() {
  "use strict";
  const { lenet } = self;
  lenet.remember(part);

  const WINDOW = 5;
  const UNITS = 84; // of F6
  const CLASSES = 10;
  // What squashes; of each, the largest output is `amplitude`, but for that without one: what views show.
  const SQUASH = {
    tanh: { name: "tanh", amplitude: 1.7159, slope: 2 / 3 }, // f(a) = A tanh(S a): eq. 6
    logistic: { name: "logistic", amplitude: 1, slope: 1 / 2 }, // 1 / (1 + exp(-2 S a))
    relu: { name: "relu", amplitude: 2, slope: 1 },
  };
  const START = {
    lush: (inputs) => 1 / Math.sqrt(inputs), // the authors' later code
    published: (inputs) => 2.4 / inputs, // preprint p. 41
  };

  /* Make a network: `table`, which maps of S2 each of C3 reads; `squash`, "tanh", "logistic" or
     "relu"; `codes`, "bitmaps", "one-of-ten" or ten rows of 84 numbers; `start`, "lush" or "published";
     and the `seed` of the first weights. Its form is that of the networks that the build writes. */
  function newNetwork({
    table,
    squash = "tanh",
    codes = "bitmaps",
    start = "lush",
    seed = 0,
  } = {}) {
    const sources = checkedTable(table ?? lenet.published.table);
    const [function_, limit] = [chosen("squash", SQUASH, squash), chosen("start", START, start)];
    const { unit } = lenet.random(seed);
    const drawn = (length, inputs) =>
      Float32Array.from({ length }, () => (2 * unit() - 1) * limit(inputs));
    const convolution = (name, inputs, rows) => ({
      ...{ name, kind: "convolution", inputs, window: WINDOW, stride: 1, table: rows },
      kernels: joined(rows.map((row) => drawn(row.length * WINDOW ** 2, row.length * WINDOW ** 2))),
      ...{ bias: new Float32Array(rows.length), squash: function_ },
    });
    const subsampling = (name, maps) => ({
      ...{ name, kind: "subsampling", window: 2, stride: 2 },
      coefficient: new Float32Array(maps).fill(0.5),
      ...{ bias: new Float32Array(maps), squash: function_ },
    });
    const layers = [
      convolution("C1", 1, everything(6, 1)),
      subsampling("S2", 6),
      convolution("C3", 6, sources),
      subsampling("S4", sources.length),
      convolution("C5", sources.length, everything(120, sources.length)),
      {
        ...{ name: "F6", kind: "full", weight: drawn(UNITS * 120, 120) },
        ...{ bias: new Float32Array(UNITS), squash: function_ },
      },
      { name: "output", kind: "rbf", codes: codesOf(codes), squash: null },
    ];
    const parameters = count(layers);
    return { title: "LeNet-5", size: 32, shrunk: false, parameters, layers, mistakes: [] };
  }

  function chosen(what, choices, name) {
    if (Object.hasOwn(choices, name)) return choices[name];
    throw new Error(`${what} must be one of ${Object.keys(choices).join(", ")}, got ${name}`);
  }

  function checkedTable(table) {
    for (const row of table) {
      const fine = row.every((map) => Number.isInteger(map) && map >= 0 && map < 6);
      if (row.length === 0 || !fine || new Set(row).size < row.length) {
        throw new Error(`each row of a table must name different maps from 0 to 5, got [${row}]`);
      }
    }
    if (table.length !== 16) throw new Error(`C3 has 16 maps, got a table of ${table.length} rows`);
    return table.map((row) => [...row].sort((a, b) => a - b));
  }

  function codesOf(codes) {
    if (codes === "bitmaps") return Float32Array.from(lenet.codes.flat());
    if (codes === "one-of-ten") {
      return Float32Array.from({ length: CLASSES * UNITS }, (_, i) => {
        return i % UNITS === Math.floor(i / UNITS) ? 1 : -1;
      });
    }
    if (codes.length === CLASSES * UNITS) return Float32Array.from(codes);
    throw new Error(`codes must be "bitmaps", "one-of-ten" or ${CLASSES * UNITS} numbers`);
  }

  function everything(maps, inputs) {
    return Array.from({ length: maps }, () => [...Array(inputs).keys()]);
  }

  function joined(arrays) {
    return Float32Array.from(arrays.flatMap((array) => [...array]));
  }

  function count(layers) {
    return layers
      .flatMap((layer) => lenet.TENSORS[layer.kind].map((name) => [name, layer[name].length]))
      .reduce((sum, [name, length]) => sum + (name === "codes" ? 0 : length), 0);
  }

  // --- All weights ---------------------------------------------------------------------------

  /* A copy of a network's weights in one row, in the order of PyTorch's state_dict(). */
  function weightsOf(network) {
    const { engine, begin, learned } = lenet.planOf(network);
    return engine.floats.slice(begin, begin + learned);
  }

  /* Give a network the weights in such a row. */
  function setWeights(network, weights) {
    const { engine, begin, learned } = lenet.planOf(network);
    if (weights.length !== learned) {
      throw new Error(`${network.title} has ${learned} weights, got ${weights.length}`);
    }
    engine.floats.set(weights, begin);
  }

  const SHAPES = {
    kernels: ({ table, inputs, window }, dense) =>
      dense ? [table.length, inputs, window, window] : [table.flat().length, window, window],
    coefficient: ({ coefficient }) => [coefficient.length, 1, 1],
    weight: ({ weight, bias }) => [bias.length, weight.length / bias.length],
    codes: ({ codes }) => [CLASSES, codes.length / CLASSES],
    bias: ({ kind, bias }) => (kind === "subsampling" ? [bias.length, 1, 1] : [bias.length]),
  };

  /* A LeNet-5's tensors under the names that they have in PyTorch, with their shapes. */
  function tensorsOf(network) {
    lenet.planOf(network); // from now on the tensors are where they stay
    let from = 0;
    return network.layers.flatMap((layer) =>
      lenet.TENSORS[layer.kind].map((own) => {
        const dense = layer.table?.every((row) => row.length === layer.inputs);
        const [values, shape] = [layer[own], SHAPES[own](layer, dense)];
        const place = layer.kind === "full" ? 1 : 0; // F6 has a part before its weights
        const last = own === "kernels" ? "weight" : own;
        const name = `${layer.name.toLowerCase()}.${place}.${last}`;
        const tensor = { name, shape, values, from, learned: own !== "codes" };
        from += values.length;
        return tensor;
      }),
    );
  }

  Object.assign(lenet, { newNetwork, setWeights, tensorsOf, weightsOf });
})();
