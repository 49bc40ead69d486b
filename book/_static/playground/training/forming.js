/* What forms while a network learns: the kernels of C1 and C3, and F6's answers to ten digits. */
(function () {
  "use strict";
  const lenet = (window.lenet = window.lenet || {});
  const { element } = lenet;

  const GAP = 1; // pixel between two kernels

  /* The size of the picture of all kernels of a layer: a column for each map, a row for each source. */
  function gridSize({ table, inputs, window: reach }) {
    const cell = reach + GAP;
    return [table.length * cell - GAP, inputs * cell - GAP];
  }

  /* Paint all kernels of a layer, or other numbers in their order, such as their steps. What is not
     connected is NaN, which `paintSigned` leaves transparent. */
  function paintKernels(canvas, layer, weights) {
    const { table, window: reach } = layer;
    const picture = new Float32Array(canvas.width * canvas.height).fill(NaN);
    let from = 0;
    table.forEach((sources, map) => {
      for (const source of sources) {
        for (let row = 0; row < reach; row++) {
          const place = (source * (reach + GAP) + row) * canvas.width + map * (reach + GAP);
          picture.set(weights.subarray(from, from + reach), place);
          from += reach;
        }
      }
    });
    lenet.paintSigned(canvas, picture, lenet.largest(weights));
  }

  function kernelTile(layer) {
    return lenet.tile(...gridSize(layer), "is-grid");
  }

  /* The kernels of a network's first two convolutions. */
  class KernelsView {
    constructor(network) {
      this.layers = network.layers.filter(({ kind, name }) => kind === "convolution" && name < "C5");
      this.tiles = this.layers.map(kernelTile);
      const told = ["C1: its kernels", "C3: a column for each map, a row for each map of S2"];
      const figures = this.tiles.map((tile, i) =>
        element("figure", {}, tile, element("figcaption", {}, told[i])),
      );
      this.root = element("div", { class: "lenet-forming" }, ...figures);
    }

    update() {
      this.layers.forEach((layer, i) => paintKernels(this.tiles[i], layer, layer.kernels));
    }
  }

  /* Ten digits, one of each class: what F6 draws for each, the code that it should draw, the answer. */
  class AnswersView {
    constructor(network) {
      this.network = network;
      this.inputs = lenet.examples.map(([index]) =>
        lenet.networkInput(network, lenet.bytes(lenet.digits[index].pixels)),
      );
      this.cells = lenet.examples.map(([index], digit) => this.makeCell(index, digit));
      this.count = element("figcaption");
      const row = element("div", { class: "lenet-ten" }, ...this.cells.map(({ root }) => root));
      this.root = element("figure", {}, row, this.count);
    }

    makeCell(index, digit) {
      const { columns, rows } = lenet.bitmap;
      const shown = lenet.tile(lenet.FIELD, lenet.FIELD);
      const drawn = lenet.tile(columns, rows, "lenet-code");
      const code = lenet.tile(columns, rows, "lenet-code");
      lenet.paintInk(shown, lenet.bytes(lenet.digits[index].pixels), 0, 255);
      lenet.paintInk(code, lenet.codeOf(this.network, digit), -1, 1);
      const answer = element("span");
      return { root: element("div", {}, shown, drawn, code, answer), drawn, answer };
    }

    update() {
      let right = 0;
      this.cells.forEach(({ root, drawn, answer }, digit) => {
        const outputs = lenet.run(this.network, this.inputs[digit]);
        const [first] = lenet.ranking(this.network, outputs.at(-1).values);
        lenet.paintInk(drawn, outputs.at(-2).values, -1, 1);
        lenet.write(answer, `${first}`);
        root.classList.toggle("is-wrong", first !== digit);
        right += first === digit;
      });
      lenet.write(this.count, `${this.network.title} reads ${right} of ten right`);
    }
  }

  Object.assign(lenet, { AnswersView, KernelsView, kernelTile, paintKernels });
})();
