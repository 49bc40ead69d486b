/* The networks as published: layers with the weights that the build wrote beside this file.

   A layer's output is {maps, side, values}: `maps` squares of `side` x `side` numbers, row by row.
   A layer of single units has side 1. LeCun et al. 1998, preprint pp. 7-8; the same equations as
   in lenet_utils/models/layers.py and digit_codes.py. */
(function part() {
  "use strict";
  const { lenet } = self;
  lenet.remember(part);

  const plans = new WeakMap();

  /* Where a network's numbers lie: laid out when they are first asked for. */
  function planOf(network, learns = false) {
    if (!plans.has(network)) plans.set(network, lenet.newPlan(network, learns));
    return plans.get(network);
  }

  /* Run `network` on an input made by lenet.networkInput; return the outputs of all its layers. */
  function run(network, input) {
    const plan = planOf(network);
    lenet.forward(plan, input.values);
    return plan.rows.map((row) => lenet.seen(plan, row));
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

  /* A tensor's numbers: whole ones of 16 bits, each to be taken times their `step`. */
  function floats({ step, integers }) {
    const whole = new Int16Array(lenet.bytes(integers).buffer);
    const found = new Float32Array(whole.length);
    for (let i = 0; i < found.length; i++) found[i] = step * whole[i];
    return found;
  }

  /* Keep a network that a script of the build hands over, its tensors decoded. */
  function addNetwork(key, network) {
    for (const layer of network.layers) {
      for (const name of lenet.TENSORS[layer.kind]) layer[name] = floats(layer[name]);
    }
    lenet.networks = { ...lenet.networks, [key]: network };
  }

  /* The number of the layer in which some map does not read all maps; where there is none, of the
     first in which a map can read several. */
  function sparseIndex({ layers }) {
    const isSparse = ({ table, inputs }) => table?.some((row) => row.length < inputs);
    const sparse = layers.findIndex(isSparse);
    return sparse < 0 ? layers.findIndex(({ inputs }) => inputs > 1) : sparse;
  }

  /* The size of the largest weight, whatever its sign. */
  function largest(weights) {
    return weights.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0);
  }

  Object.assign(lenet, {
    addNetwork,
    hasPenalties,
    kernelsOf,
    largest,
    planOf,
    ranking,
    receptiveField,
    run,
    sparseIndex,
  });
})();
