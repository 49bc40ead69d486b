/* The networks as published: layers with the weights that the build wrote beside this file.

   A layer's output is {maps, side, values}: `maps` squares of `side` x `side` numbers, row by row.
   A layer of single units has side 1. LeCun et al. 1998, preprint pp. 7-8; the same equations as
   in lenet_utils/layers.py and lenet_utils/rbf.py. */
(function () {
  "use strict";
  const lenet = (window.lenet = window.lenet || {});

  const FORWARD = { convolution, subsampling, full, rbf };

  /* A convolution in which each map reads only the maps in its row of `layer.table` (Table I). */
  function convolution(input, layer) {
    const { kernels, bias, table, window: reach } = layer;
    const side = input.side - reach + 1;
    const output = blank(table.length, side);
    let kernel = 0; // where its weights begin: the kernels follow each other, row by row
    table.forEach((row, map) => {
      const sums = output.values.subarray(map * side * side, (map + 1) * side * side);
      sums.fill(bias[map]);
      for (const source of row) {
        addCorrelation(sums, side, input, source, kernels, kernel, reach);
        kernel += reach * reach;
      }
    });
    return output;
  }

  /* Add one map of `input`, seen through one kernel, to the `sums` of a map. */
  function addCorrelation(sums, side, input, source, kernels, kernel, reach) {
    const { values, side: inputSide } = input;
    for (let place = 0; place < side * side; place++) {
      const top = source * inputSide + Math.floor(place / side);
      let weight = kernel; // counts the kernel's weights, row by row
      let sum = 0;
      for (let row = 0; row < reach; row++) {
        const from = (top + row) * inputSide + (place % side);
        for (let column = 0; column < reach; column++) {
          sum += kernels[weight++] * values[from + column];
        }
      }
      sums[place] += sum;
    }
  }

  /* Four inputs added, times the map's coefficient, plus its bias (preprint p. 7). */
  function subsampling(input, layer) {
    const side = input.side / 2;
    const output = blank(input.maps, side);
    for (let place = 0; place < output.values.length; place++) {
      const map = Math.floor(place / (side * side));
      const row = Math.floor(place / side) % side;
      const from = (map * input.side + 2 * row) * input.side + 2 * (place % side);
      const x = input.values;
      const sum = x[from] + x[from + 1] + x[from + input.side] + x[from + input.side + 1];
      output.values[place] = layer.coefficient[map] * sum + layer.bias[map];
    }
    return output;
  }

  /* Each unit a weighted sum of all inputs, plus a bias (eq. 5 of the paper). */
  function full(input, layer) {
    const { values } = input;
    const { weight, bias } = layer;
    const output = blank(bias.length, 1);
    for (let unit = 0; unit < output.maps; unit++) {
      const start = unit * values.length;
      let sum = bias[unit];
      for (let i = 0; i < values.length; i++) sum += weight[start + i] * values[i];
      output.values[unit] = sum;
    }
    return output;
  }

  /* Penalties: how far the input is from each class's code. Eq. 7: y_i = sum_j (x_j - w_ij)^2. */
  function rbf(input, layer) {
    const inputs = input.values.length;
    const output = blank(layer.codes.length / inputs, 1);
    for (let unit = 0; unit < output.maps; unit++) {
      for (let j = 0; j < inputs; j++) {
        output.values[unit] += (input.values[j] - layer.codes[unit * inputs + j]) ** 2;
      }
    }
    return output;
  }

  /* Eq. 6: f(a) = A tanh(S a), with the paper's constants, in place. */
  function squash(values, { amplitude, slope }) {
    for (let i = 0; i < values.length; i++) values[i] = amplitude * Math.tanh(slope * values[i]);
  }

  function blank(maps, side) {
    return { maps, side, values: new Float64Array(maps * side * side) };
  }

  /* Run `network` on an input made by lenet.networkInput; return the outputs of all its layers. */
  function run(network, input) {
    const outputs = [];
    for (const layer of network.layers) {
      const output = FORWARD[layer.kind](outputs.at(-1) || input, layer);
      if (layer.squash) squash(output.values, layer.squash);
      outputs.push(output);
    }
    return outputs;
  }

  /* The ten digits, likeliest first: by the smallest penalty, or else by the largest output. */
  function ranking(network, scores) {
    const sign = hasPenalties(network) ? 1 : -1;
    return [...scores.keys()].sort((a, b) => sign * (scores[a] - scores[b]));
  }

  function hasPenalties(network) {
    return network.layers.at(-1).kind === "rbf";
  }

  /* Which pixels of the input can influence a unit of layer number `index`: squares of `size`
     pixels, `step` pixels from one unit's to the next; the first begins at pixel 0. */
  function receptiveField(network, index) {
    let [size, step] = [1, 1];
    for (const { window: reach, stride } of network.layers.slice(0, index + 1)) {
      if (reach === undefined) return { size: network.size, step: 0 }; // full: the whole image
      size += (reach - 1) * step;
      step *= stride;
    }
    return { size, step };
  }

  /* The weights with which map number `map` of a layer reads each of its sources. */
  function kernelsOf(layer, map) {
    const area = layer.window ** 2;
    const before = layer.table.slice(0, map).reduce((sum, row) => sum + row.length, 0);
    return layer.table[map].map((source, i) => {
      const start = (before + i) * area;
      return { source, weights: layer.kernels.subarray(start, start + area) };
    });
  }

  // --- What the build wrote ------------------------------------------------------------------

  function bytes(text) {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  }

  function floats(text) {
    return new Float32Array(bytes(text).buffer);
  }

  const TENSORS = ["kernels", "bias", "coefficient", "weight", "codes"];

  /* Keep a network that a script of the build hands over, its tensors decoded. */
  function addNetwork(key, network) {
    for (const layer of network.layers) {
      for (const name of TENSORS) if (name in layer) layer[name] = floats(layer[name]);
    }
    lenet.networks = { ...lenet.networks, [key]: network };
  }

  /* The number of the layer in which some map does not read all maps. */
  function sparseIndex(network) {
    return network.layers.findIndex(({ table, inputs }) =>
      table?.some((row) => row.length < inputs),
    );
  }

  /* The size of the largest weight, whatever its sign. */
  function largest(weights) {
    return weights.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0);
  }

  Object.assign(lenet, {
    addNetwork,
    bytes,
    hasPenalties,
    kernelsOf,
    largest,
    ranking,
    receptiveField,
    run,
    sparseIndex,
  });
})();
