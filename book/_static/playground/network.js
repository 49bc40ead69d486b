/* The networks as published: layers with the weights that the build wrote beside this file.

   A layer's output is {maps, side, values}: `maps` squares of `side` x `side` numbers, row by row.
   A layer of single units has side 1. LeCun et al. 1998, preprint pp. 7-8; the same equations as
   in lenet_utils/models/layers.py and digit_codes.py. */
(function () {
  "use strict";
  const lenet = (window.lenet = window.lenet || {});

  const FORWARD = { convolution, subsampling, full, rbf };

  /* A convolution in which each map reads only the maps in its row of `layer.table` (Table I).

     Place by place: what all kernels see there is copied into one short array, and the kernels, which
     follow each other row by row of the table, are then read from the first weight to the last. This
     takes a third of the time of reading the maps themselves once for each kernel. */
  function convolution(input, layer) {
    const { kernels, bias, table, window: reach } = layer;
    const side = input.side - reach + 1;
    const area = reach * reach;
    const output = blank(table.length, side);
    const seen = new Float64Array(input.maps * area);
    let place = 0;
    for (let top = 0; top < side; top++) {
      for (let left = 0; left < side; left++) {
        look(seen, input, top, left, reach);
        let weight = 0;
        for (let map = 0; map < table.length; map++) {
          let sum = bias[map];
          for (const source of table[map]) {
            let from = source * area;
            for (const end = weight + area; weight < end; weight++) {
              sum += kernels[weight] * seen[from++];
            }
          }
          output.values[map * side * side + place] = sum;
        }
        place++;
      }
    }
    return output;
  }

  /* Copy the windows of all maps of `input` at one place into `seen`, one after the other. */
  function look(seen, { values, side, maps }, top, left, reach) {
    let i = 0;
    for (let map = 0; map < maps; map++) {
      for (let row = top; row < top + reach; row++) {
        const from = (map * side + row) * side + left;
        for (let column = 0; column < reach; column++) seen[i++] = values[from + column];
      }
    }
  }

  /* Four inputs added, times the map's coefficient, plus its bias (preprint p. 7). */
  function subsampling(input, layer) {
    const { values: x, side: inputSide } = input;
    const side = inputSide / 2;
    const output = blank(input.maps, side);
    let place = 0;
    for (let map = 0; map < input.maps; map++) {
      for (let row = 0; row < side; row++) {
        let from = (map * inputSide + 2 * row) * inputSide;
        for (let column = 0; column < side; column++) {
          const sum = x[from] + x[from + 1] + x[from + inputSide] + x[from + inputSide + 1];
          output.values[place++] = layer.coefficient[map] * sum + layer.bias[map];
          from += 2;
        }
      }
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
    const letters = atob(text);
    const found = new Uint8Array(letters.length);
    for (let i = 0; i < found.length; i++) found[i] = letters.charCodeAt(i); // faster than from
    return found;
  }

  /* A tensor's numbers: whole ones of 16 bits, each to be taken times their `step`. */
  function floats({ step, integers }) {
    const whole = new Int16Array(bytes(integers).buffer);
    const found = new Float32Array(whole.length);
    for (let i = 0; i < found.length; i++) found[i] = step * whole[i];
    return found;
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
