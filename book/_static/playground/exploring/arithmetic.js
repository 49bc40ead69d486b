/* The arithmetic of one unit: what it sees, times its weights, added up, plus a bias, squashed. */
(function () {
  "use strict";
  const lenet = (window.lenet = window.lenet || {});
  const { element, number } = lenet;

  const READABLE = 100; // milliseconds that numbers stand at least
  const MANY = 8; // lines: more stand in two columns
  const LISTED = 5; // inputs of a unit that reads single units: those that count most
  const SQUASH = { logistic: "1 / (1 + exp(−a))", relu: "max(0, a)" }; // else the scaled tanh
  const WIDE = 768; // pixels of a window in which there is room for all of it at once
  const KEY = Float32Array.from({ length: 33 }, (_, i) => i / 16 - 1); // from one end to the other

  /* How the value of a selected unit comes about: {parts, sum, factor, bias, activation, value}. A
     part is what one map of the layer before gives: {source, patch, weights, sum}; a layer of single
     units has one, with all of them. `factor` is subsampling's coefficient, else 1. */
  function arithmetic(network, { index, map, row, column }, input, outputs) {
    const layer = network.layers[index];
    const { side, values } = outputs[index];
    const [down, right] = side > 1 ? [row, column] : [0, 0];
    const parts = READ[layer.kind](index > 0 ? outputs[index - 1] : input, layer, map, down, right);
    for (const part of parts) part.sum = total(part.patch, part.weights);
    const sum = parts.reduce((all, part) => all + part.sum, 0);
    const [factor, bias] = [layer.coefficient?.[map] ?? 1, layer.bias[map]];
    const value = values[(map * side + down) * side + right];
    return { parts, sum, factor, bias, activation: factor * sum + bias, value };
  }

  const READ = {
    convolution: (read, layer, map, row, column) =>
      lenet.kernelsOf(layer, map).map(({ source, weights }) => ({
        source,
        weights,
        patch: patchOf(read, source, row, column, layer.window),
      })),
    subsampling: (read, layer, map, row, column) => [
      { source: map, weights: [1, 1, 1, 1], patch: patchOf(read, map, 2 * row, 2 * column, 2) },
    ],
    full: ({ values }, { weight }, unit) => [
      {
        source: 0,
        weights: weight.subarray(unit * values.length, (unit + 1) * values.length),
        patch: values,
      },
    ],
  };

  function patchOf({ side, values }, map, top, left, reach) {
    return Array.from({ length: reach * reach }, (_, i) => {
      const row = top + Math.floor(i / reach);
      return values[(map * side + row) * side + left + (i % reach)];
    });
  }

  function total(values, weights) {
    let sum = 0;
    for (let i = 0; i < values.length; i++) sum += values[i] * weights[i];
    return sum;
  }

  /* Numbers in the colours of the figures, and which colour is which number. */
  function grid(caption, values, limit) {
    const cells = Array.from(values, (value) => {
      const { color, isDark } = lenet.signedColor(value, limit);
      const attributes = { class: isDark ? "is-dark" : "", style: `background: ${color}` };
      return element("span", attributes, number(value, 2));
    });
    const squares = element("div", { class: "lenet-grid" }, ...cells);
    squares.style.setProperty("--columns", Math.sqrt(cells.length));
    const key = lenet.tile(KEY.length, 1);
    lenet.paintSigned(key, KEY, 1);
    const ends = [-limit, limit].map((end) => element("span", {}, number(end, 2)));
    return element(
      "figure",
      {},
      element("figcaption", {}, caption),
      squares,
      element("div", { class: "lenet-key" }, ends[0], key, ends[1]),
    );
  }

  /* Names and numbers below each other. */
  function list(caption, lines, kind = "") {
    const items = lines.map(([name, value]) =>
      element("li", {}, element("span", {}, name), element("span", {}, number(value, 2))),
    );
    const head = element("figcaption", {}, caption);
    return element("figure", { class: kind }, head, element("ol", {}, ...items));
  }

  /* The window of the map that counts most, the weights it goes through, and what each map gives. */
  function windows(network, { index }, { parts }) {
    const [layer, before] = [network.layers[index], network.layers[index - 1]];
    const most = parts.reduce((a, b) => (Math.abs(b.sum) > Math.abs(a.sum) ? b : a));
    const seen = before ? `${before.name}’s map ${most.source}` : "the input";
    const patch = grid(`It sees, of ${seen}`, most.patch, before?.squash.amplitude ?? lenet.INK);
    if (layer.kind === "subsampling") return [patch];
    const limit = Math.max(...parts.map(({ weights }) => lenet.largest(weights)));
    const kernel = grid("times its kernel’s weights", most.weights, limit);
    if (parts.length === 1) return [patch, kernel];
    const sums = parts.map(({ source, sum }) => [`map ${source}`, sum]);
    const kind = sums.length > MANY ? "is-long" : "";
    return [patch, kernel, list(`Products, added up map by map of ${before.name}`, sums, kind)];
  }

  /* Of a unit that reads single units: the products that count most. */
  function products(network, { index }, { parts: [{ patch, weights, sum }] }) {
    const all = Array.from(patch, (value, i) => ({ i, value, product: value * weights[i] }));
    all.sort((a, b) => Math.abs(b.product) - Math.abs(a.product));
    const first = all.slice(0, LISTED);
    const rest = sum - first.reduce((some, { product }) => some + product, 0);
    const lines = first.map(({ i, value, product }) => [
      `unit ${i}: ${number(value, 2)} × ${number(weights[i], 2)}`,
      product,
    ]);
    const caption = `What counts most: units of ${network.layers[index - 1].name}, times their weights`;
    return [list(caption, [...lines, [`the other ${all.length - LISTED}`, rest]], "is-wide")];
  }

  function result(layer, { sum, factor, bias, activation, value }) {
    const { amplitude, name, slope } = layer.squash;
    const squash = SQUASH[name] ?? `${number(amplitude, 4)} tanh(${number(slope, 3)} a)`;
    const lines = [["sum", sum]];
    if (layer.coefficient) lines.push([`times ${number(factor, 2)}`, factor * sum]);
    lines.push(["plus the bias", bias], ["makes a", activation], ["squashed", value]);
    return list(`Squashed by ${squash}`, lines);
  }

  /* It writes nothing while it is folded up, or on no page, and no faster than one can read. */
  class ArithmeticView {
    constructor(network) {
      this.network = network;
      this.body = element("div", { class: "lenet-sums" });
      this.root = element("details", { class: "lenet-arithmetic" });
      this.root.append(element("summary", {}, "The arithmetic"), this.body);
      this.root.open = window.innerWidth >= WIDE;
      this.root.addEventListener("toggle", () => this.write());
    }

    show(selection, input, outputs) {
      this.shown = [selection, input, outputs];
      if (this.root.open) this.writing ??= setTimeout(() => this.write(), READABLE);
    }

    write() {
      this.writing = null;
      if (!this.root.open || !this.root.isConnected) return;
      const { network } = this;
      const [selection] = this.shown;
      const layer = network.layers[selection.index];
      const sums = arithmetic(network, ...this.shown);
      const seen = layer.kind === "full" ? products : windows;
      this.body.replaceChildren(...seen(network, selection, sums), result(layer, sums));
    }
  }

  Object.assign(lenet, { ArithmeticView, arithmetic });
})();
