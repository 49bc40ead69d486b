/* A network laid open: its layers one below the other, and beside them what one unit does. */
(function () {
  "use strict";
  const lenet = (window.lenet = window.lenet || {});
  const { element } = lenet;

  /* Whether map number `i` of layer `other` reads the selected map, or is read by it. */
  function isRelated(network, { index, map }, other, i) {
    if (Math.abs(other - index) !== 1) return false;
    const [reader, read] = other < index ? [map, i] : [i, map];
    const { kind, table } = network.layers[Math.max(other, index)];
    if (kind === "subsampling") return reader === read;
    return kind === "convolution" ? table[reader].includes(read) : true;
  }

  /* What the selected unit computes, in words. */
  function explain(network, { index, map }) {
    const { kind, table, bias, coefficient, window: reach } = network.layers[index];
    const before = index > 0 ? network.layers[index - 1].name : "the input";
    if (kind === "subsampling") {
      const [factor, shift] = [coefficient[map], bias[map]].map((x) => lenet.number(x, 2));
      return `Adds 2 × 2 pixels of ${before}’s map ${map}, times ${factor}, plus ${shift}; then squashes the sum.`;
    }
    const rest = `Then a bias of ${lenet.number(bias[map], 2)}, and the sum is squashed.`;
    if (kind === "full") return `Weighs all units of ${before}, one weight each. ${rest}`;
    if (index === 0) {
      return `Weighs ${reach} × ${reach} pixels of the input with its kernel. ${rest}`;
    }
    const kernels = `through ${reach} × ${reach} weights${table[map].length > 1 ? " each" : ""}`;
    return `Reads ${maps(before, table[map], network.layers[index].inputs)} ${kernels}. ${rest}`;
  }

  function maps(layer, numbers, inputs) {
    if (numbers.length === inputs) return `all ${inputs} maps of ${layer}`;
    if (numbers.length === 1) return `map ${numbers[0]} of ${layer}`;
    return `maps ${numbers.slice(0, -1).join(", ")} and ${numbers.at(-1)} of ${layer}`;
  }

  /* Where the selected unit looks: its square of the input. */
  function fieldOf(network, { index, row, column }, side) {
    const { size, step } = lenet.receptiveField(network, index);
    const [top, left] = side > 1 ? [row * step, column * step] : [0, 0];
    return { top, left, width: size, height: size };
  }

  /* What one unit computes, from what, and where it looks. */
  class Inspector {
    constructor(network) {
      this.network = network;
      this.title = element("p", { class: "lenet-inspector-title" });
      this.text = element("p");
      this.where = element("p", { class: "lenet-muted" });
      this.input = lenet.tile(network.size, network.size, "lenet-large");
      this.field = lenet.frameOver(this.input, "is-field");
      this.kernels = element("div", { class: "lenet-kernels" });
      this.spoken = element("p", { class: "lenet-spoken", role: "status" });
      const words = element("div", {}, this.title, this.text, this.where, this.spoken);
      this.root = element(
        "div",
        { class: "lenet-inspector" },
        this.field.holder,
        words,
        this.kernels,
      );
    }

    show(selection, input, outputs) {
      const { index, map, row, column } = selection;
      const { network } = this;
      const layer = network.layers[index];
      const { side, values } = outputs[index];
      const isMap = side > 1;
      const value = values[isMap ? (map * side + row) * side + column : map];
      const unit = isMap ? `map ${map}, row ${row}, column ${column}` : `unit ${map}`;
      this.root.dataset.kind = layer.kind;
      lenet.write(this.title, `${layer.name}, ${unit}: ${lenet.number(value, 2)}`);
      lenet.write(this.text, explain(network, selection));
      const field = fieldOf(network, selection, side);
      const rows = `${field.top}–${field.top + field.height - 1}`;
      const columns = `${field.left}–${field.left + field.width - 1}`;
      lenet.write(this.where, `It sees rows ${rows} and columns ${columns} of the input.`);
      lenet.paintInk(this.input, input.values, lenet.BACKGROUND, lenet.INK);
      this.field.show(field);
      this.showKernels(layer, map);
    }

    /* Tell a screen reader which unit it is: when it is chosen, not at every stroke. */
    say() {
      this.spoken.textContent = this.title.textContent;
    }

    /* The kernels stay as they are while one draws: paint them when another map is chosen. */
    showKernels(layer, map) {
      if (this.shown?.layer === layer && this.shown.map === map) return;
      this.shown = { layer, map };
      this.kernels.replaceChildren(...this.weightTiles(layer, map));
    }

    weightTiles(layer, map) {
      if (layer.kind === "subsampling") return [];
      if (layer.kind === "full") {
        const inputs = layer.weight.length / layer.bias.length;
        const weights = layer.weight.subarray(map * inputs, (map + 1) * inputs);
        return [this.weightTile(weights, 12, lenet.largest(weights), `${inputs} weights`)];
      }
      const kernels = lenet.kernelsOf(layer, map);
      const limit = Math.max(...kernels.map(({ weights }) => lenet.largest(weights)));
      return kernels.map(({ source, weights }) =>
        this.weightTile(weights, layer.window, limit, layer.inputs > 1 ? `${source}` : "kernel"),
      );
    }

    weightTile(weights, columns, limit, caption) {
      const canvas = lenet.tile(columns, weights.length / columns);
      lenet.paintSigned(canvas, weights, limit);
      return element("span", { class: "lenet-kernel" }, canvas, element("span", {}, caption));
    }
  }

  /* All layers but the output, with the connection table of the one that has gaps, an inspector,
     and the arithmetic of what that looks at. `select` and `update` keep them together. */
  class Explorer {
    constructor(network, selection) {
      this.network = network;
      this.selection = selection;
      const blank = new Float64Array(network.size ** 2).fill(lenet.BACKGROUND);
      this.input = { maps: 1, side: network.size, values: blank };
      this.outputs = lenet.run(network, this.input);
      const choose = (chosen) => this.select(chosen);
      this.layers = this.outputs
        .slice(0, -1)
        .map((output, index) => new lenet.LayerView(network, index, output, choose));
      this.inspector = new Inspector(network);
      this.arithmetic = new lenet.ArithmeticView(network);
      this.addTable();
    }

    /* The table belongs to the layer in which some map does not read all maps. */
    addTable() {
      const { layers } = this.network;
      this.sparse = lenet.sparseIndex(this.network);
      const { name, table, inputs } = layers[this.sparse];
      const choose = (map) => this.select({ ...this.selection, index: this.sparse, map });
      this.table = new lenet.TableView([layers[this.sparse - 1].name, name], inputs, choose);
      this.table.draw(table);
    }

    select(selection) {
      const last = this.outputs[selection.index].side - 1; // a pixel of another layer may lie outside
      const [row, column] = [selection.row, selection.column].map((place) =>
        this.outputs[selection.index].side > 1 ? Math.min(place, last) : place,
      );
      this.selection = { ...selection, row, column };
      this.mark();
    }

    /* Show another digit. */
    update(input, outputs) {
      Object.assign(this, { input, outputs });
      this.layers.forEach((view, index) => view.update(outputs[index]));
      this.look();
    }

    look() {
      this.inspector.show(this.selection, this.input, this.outputs);
      this.arithmetic.show(this.selection, this.input, this.outputs);
    }

    mark() {
      const { network, selection, sparse } = this;
      this.layers.forEach((view, other) =>
        view.mark(selection, (i) => isRelated(network, selection, other, i)),
      );
      this.table.mark({
        map: selection.index === sparse ? selection.map : undefined,
        source: selection.index === sparse - 1 ? selection.map : undefined,
      });
      this.look();
      this.inspector.say();
    }
  }

  Object.assign(lenet, { Explorer });
})();
