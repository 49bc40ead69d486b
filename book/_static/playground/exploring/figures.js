/* The small figures inside chapters: the running example, layer by layer, and C3's table. */
(function () {
  "use strict";
  const lenet = (window.lenet = window.lenet || {});
  const { element } = lenet;

  /* The running example, the first test digit, as LeNet-5 sees it. */
  function runningExample(network) {
    const [index] = lenet.examples[7];
    const input = lenet.networkInput(network, lenet.bytes(lenet.digits[index].pixels));
    return { input, outputs: lenet.run(network, input) };
  }

  /* Step through LeNet-5: each layer below the one it reads. */
  class LayersFigure {
    constructor(root, first) {
      const network = lenet.networks[first];
      this.network = network;
      const { input, outputs } = runningExample(network);
      this.explorer = new lenet.Explorer(network, { index: 0, map: 0, row: 0, column: 0 });
      this.explorer.update(input, outputs);
      this.scores = new lenet.ScoresView(network);
      this.scores.update(outputs.at(-1).values);
      this.names = network.layers.map((layer) => layer.name);
      const steps = lenet.choice("Layer", this.names, (i) => this.show(i));
      this.stage = element("div", { class: "lenet-stage" });
      root.append(steps.group, this.stage);
      steps.choose(0);
    }

    show(i) {
      const { layers, inspector, outputs } = this.explorer;
      const before = i > 0 ? [layers[i - 1].root] : [];
      if (i === layers.length) {
        this.stage.replaceChildren(...before, this.scores.root);
        return;
      }
      const middle = Math.floor(outputs[i].side / 2);
      this.explorer.select({ index: i, map: 0, row: middle, column: middle });
      this.stage.replaceChildren(...before, layers[i].root, inspector.root);
    }
  }

  /* One map of C3 with the maps of S2 it reads; with the published table, and with a dense one. */
  class ConnectionsFigure {
    constructor(root, first) {
      const network = lenet.networks[first];
      this.index = lenet.sparseIndex(network);
      this.layer = network.layers[this.index];
      this.outputs = runningExample(network).outputs;
      this.map = 0;
      this.dense = this.layer.table.map(() => [...Array(this.layer.inputs).keys()]);
      const names = [network.layers[this.index - 1].name, this.layer.name];
      this.table = new lenet.TableView(names, this.layer.inputs, (map) => this.look(map));
      this.counts = element("p", { class: "lenet-muted", role: "status" });
      this.reading = element("div", { class: "lenet-reading" });
      this.title = element("p", { class: "lenet-inspector-title", role: "status" });
      const kinds = lenet.choice("Connections", ["Table I", "dense"], (i) => this.connect(i === 1));
      root.append(kinds.group, this.counts, this.table.root, this.title, this.reading);
      kinds.choose(0);
    }

    connect(isDense) {
      const { table, window: reach } = this.layer;
      this.connected = isDense ? this.dense : table;
      this.table.draw(this.connected, (map, source) => isDense && !table[map].includes(source));
      const kernels = this.connected.flat().length;
      const weights = kernels * reach ** 2;
      const work = weights * this.outputs[this.index].side ** 2;
      const [parameters, products] = [weights + table.length, work].map((n) =>
        n.toLocaleString("en"),
      );
      this.counts.textContent = `${kernels} kernels, ${parameters} parameters, ${products} multiplications for each digit`;
      this.look(this.map);
    }

    look(map) {
      this.map = map;
      this.table.mark({ map });
      const sources = this.connected[map];
      this.title.textContent = `${this.layer.name}’s map ${map} reads ${sources.length} of ${this.layer.inputs} maps`;
      const kernels = new Map(
        lenet.kernelsOf(this.layer, map).map(({ source, weights }) => [source, weights]),
      );
      const limit = Math.max(...[...kernels.values()].map(lenet.largest));
      const read = this.dense[map].map((source) =>
        this.source(source, sources.includes(source), kernels.get(source), limit),
      );
      this.reading.replaceChildren(...read, this.result(map));
    }

    /* A map of S2 above the kernel through which it is read. */
    source(source, isRead, weights, limit) {
      const kernel = lenet.tile(this.layer.window, this.layer.window, weights ? "" : "is-absent");
      if (weights) lenet.paintSigned(kernel, weights, limit);
      const words = weights ? `map ${source}` : isRead ? "to be learned" : "not read";
      return element(
        "figure",
        { class: isRead ? "" : "is-unread" },
        this.mapTile(this.index - 1, source),
        kernel,
        element("figcaption", {}, words),
      );
    }

    result(map) {
      const caption = element("figcaption", {}, `${this.layer.name}, ${map}`);
      return element("figure", { class: "is-result" }, this.mapTile(this.index, map), caption);
    }

    mapTile(index, map) {
      const { side, values } = this.outputs[index];
      const canvas = lenet.tile(side, side);
      lenet.paintSigned(
        canvas,
        values.subarray(map * side * side, (map + 1) * side * side),
        this.layer.squash.amplitude,
      );
      return canvas;
    }
  }

  Object.assign(lenet.PANELS, { connections: ConnectionsFigure, layers: LayersFigure });
})();
