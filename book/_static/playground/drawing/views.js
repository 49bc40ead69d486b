/* What is seen of a network: its layers' maps, its connection table, and its ten scores. */
(function () {
  "use strict";
  const lenet = (window.lenet = window.lenet || {});
  const { element } = lenet;

  const UNIT_COLUMNS = 12; // of a layer of single units, where it is no bitmap
  const READABLE = 100; // milliseconds that a number stands at least
  const COLOR_OF = { convolution: "convolution", subsampling: "subsampling", full: "full" };

  /* How a layer is laid out: maps side by side, or all its single units in one picture. */
  function layout(network, index, output) {
    if (output.side > 1) return { tiles: output.maps, rows: output.side, columns: output.side };
    const { rows, columns } = lenet.bitmap;
    if (network.layers[index + 1]?.kind === "rbf") return { tiles: 1, rows, columns, bitmap: true };
    return { tiles: 1, rows: output.maps / UNIT_COLUMNS, columns: UNIT_COLUMNS };
  }

  /* One layer: a row of tiles. Arrow keys go from tile to tile, with Shift from pixel to pixel.

     `select` is called with {index, map, row, column}. */
  class LayerView {
    constructor(network, index, output, select) {
      this.layer = network.layers[index];
      this.index = index;
      this.select = select;
      this.shape = layout(network, index, output);
      this.size =
        output.side > 1
          ? `${output.maps} maps of ${output.side} × ${output.side}`
          : `${output.maps} units`;
      this.tiles = Array.from({ length: this.shape.tiles }, (_, i) => this.makeTile(i));
      const label = `${this.layer.name}, ${this.size}`;
      const name = element("p", { class: "lenet-layer-name" });
      name.append(element("b", {}, this.layer.name), ` ${this.size}`);
      const row = element("div", { class: "lenet-maps", role: "group", "aria-label": label });
      row.append(...this.tiles.map((tile) => tile.button));
      row.addEventListener("keydown", this.key.bind(this));
      this.root = element(
        "div",
        { class: "lenet-layer", "data-kind": COLOR_OF[this.layer.kind] },
        name,
        row,
      );
    }

    makeTile(i) {
      const canvas = lenet.tile(this.shape.columns, this.shape.rows);
      const frame = lenet.frameOver(canvas, "is-cursor");
      const name = this.shape.tiles > 1 ? `map ${i}` : "its units";
      const point = (event) => this.choose(i, lenet.pixelAt(canvas, event));
      const button = element(
        "button",
        {
          type: "button",
          class: `lenet-map ${this.shape.bitmap ? "is-bitmap" : ""}`,
          tabindex: i === 0 ? 0 : -1,
          "aria-label": `${this.layer.name}, ${name}`,
          onpointermove: point,
          onpointerdown: point,
          onfocus: () => this.focused(i),
        },
        frame.holder,
      );
      return { button, canvas, frame };
    }

    /* Reached by Tab or by an arrow key: look at the middle, unless it is looked at already. */
    focused(i) {
      if (this.chosen?.tile === i) return;
      const { rows, columns } = this.shape;
      this.choose(i, { row: Math.floor(rows / 2), column: Math.floor(columns / 2) });
    }

    choose(tile, { row, column }) {
      this.chosen = { tile, row, column };
      const map = this.shape.tiles > 1 ? tile : row * this.shape.columns + column;
      this.select({ index: this.index, map, row, column });
    }

    key(event) {
      const arrow = lenet.ARROWS[event.key];
      if (!arrow || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      const [right, down] = arrow;
      const { tile, row, column } = this.chosen;
      if (event.shiftKey || this.shape.tiles === 1) {
        this.choose(tile, {
          row: lenet.clamp(row + down, 0, this.shape.rows - 1),
          column: lenet.clamp(column + right, 0, this.shape.columns - 1),
        });
      } else {
        const next = lenet.clamp(tile + right + down, 0, this.shape.tiles - 1);
        this.choose(next, { row, column });
        this.tiles[next].button.focus();
      }
    }

    /* Paint the layer's output for a digit. */
    update(output) {
      const limit = this.layer.squash.amplitude;
      const area = this.shape.rows * this.shape.columns;
      this.tiles.forEach(({ canvas }, i) => {
        const values = output.values.subarray(i * area, (i + 1) * area);
        if (this.shape.bitmap) lenet.paintInk(canvas, values, -1, 1);
        else lenet.paintSigned(canvas, values, limit);
      });
    }

    /* Mark the selected tile and pixel, and the tiles which it reads or which read it. */
    mark(selection, isRelated) {
      const mine = selection.index === this.index;
      this.tiles.forEach(({ button, frame }, i) => {
        const isChosen = mine && (this.shape.tiles === 1 || selection.map === i);
        button.classList.toggle("is-chosen", isChosen);
        button.classList.toggle("is-related", isRelated(i));
        if (mine) button.tabIndex = isChosen ? 0 : -1;
        const { row, column } = selection;
        frame.show(isChosen ? { top: row, left: column, width: 1, height: 1 } : null);
      });
    }
  }

  /* Which map of a layer (columns) reads which map of the layer before (rows), as in Table I. */
  class TableView {
    constructor(names, rows, select) {
      this.names = names;
      this.rows = rows;
      this.select = select;
      const { root, fill } = lenet.toolbar("lenet-table", `Which maps ${names[1]} reads`);
      Object.assign(this, { root, fill });
    }

    /* Draw `table`; `extra` connections, as {map, source}, are drawn as ones to be added. */
    draw(table, isExtra = () => false) {
      const heads = table.map((_, map) => this.head(map));
      const body = Array.from({ length: this.rows }, (_, source) => [
        element("span", { class: "lenet-table-head" }, `${source}`),
        ...table.map((row, map) =>
          this.cell(map, source, row.includes(source), isExtra(map, source)),
        ),
      ]);
      const corner = element("span", { class: "lenet-table-head" });
      this.root.style.setProperty("--columns", table.length);
      this.fill([corner, ...heads, ...body.flat()]);
    }

    head(map) {
      const [before, name] = this.names;
      const label = `${name}, map ${map}: which maps of ${before} it reads`;
      const choose = () => this.select(map);
      return element(
        "button",
        {
          type: "button",
          class: "lenet-table-head",
          "aria-label": label,
          "data-map": map,
          onfocus: choose,
          onclick: choose,
        },
        `${map}`,
      );
    }

    cell(map, source, isThere, isExtra) {
      const state = isExtra ? "is-extra" : isThere ? "is-there" : "";
      return element("span", {
        class: `lenet-cell ${state}`,
        "data-map": map,
        "data-source": source,
        onpointerenter: () => this.select(map),
        onclick: () => this.select(map),
      });
    }

    /* Light up a column (`map`), a row (`source`), or neither. */
    mark({ map, source }) {
      for (const cell of this.root.children) {
        const { dataset } = cell;
        const lit = dataset.map === `${map}` || dataset.source === `${source}`;
        cell.classList.toggle("is-lit", lit && dataset.map !== undefined);
      }
    }
  }

  const PENALTIES_TOLD =
    "A penalty is the squared distance from what F6 draws to a digit’s code. The smallest wins: " +
    "the nearer the code, the longer the bar. The probability is eq. 9’s, with rubbish as a class.";
  const OUTPUTS_TOLD = "Each digit has an output unit of its own. The largest output wins.";

  /* The ten scores as bars, with the codes they are measured by. The longest bar always answers: of
     a penalty it shows what is missing to the largest one. */
  class ScoresView {
    constructor(network) {
      this.network = network;
      this.hasPenalties = lenet.hasPenalties(network);
      this.limit = this.hasPenalties ? farthest() : network.layers.at(-1).squash.amplitude;
      this.rows = lenet.codes.map((code, digit) => this.makeRow(code, digit));
      const told = this.hasPenalties ? PENALTIES_TOLD : OUTPUTS_TOLD;
      const list = element("ol", {
        class: `lenet-scores ${this.hasPenalties ? "" : "is-signed"}`,
        start: 0,
        "aria-label": this.hasPenalties ? "Penalty of each digit" : "Output of each digit",
      });
      list.append(...this.rows.map((row) => row.root));
      this.root = element("div", {}, element("p", { class: "lenet-muted lenet-told" }, told), list);
    }

    makeRow(code, digit) {
      const bar = element("span", { class: "lenet-bar" });
      const value = element("span", { class: "lenet-value" });
      const root = element("li", {}, element("b", {}, `${digit}`));
      if (this.hasPenalties) {
        const bitmap = lenet.tile(lenet.bitmap.columns, lenet.bitmap.rows, "lenet-code");
        lenet.paintInk(bitmap, code, -1, 1);
        root.append(bitmap);
      }
      root.append(element("span", { class: "lenet-track" }, bar), value);
      return { root, bar, value };
    }

    update(scores) {
      const [answer] = lenet.ranking(this.network, scores);
      this.scores = scores;
      this.writing ??= setTimeout(() => this.writeNumbers(), READABLE);
      this.rows.forEach(({ root, bar }, digit) => {
        const part = Math.abs(scores[digit]) / this.limit;
        const share = lenet.clamp(this.hasPenalties ? 1 - part : part, 0, 1);
        bar.style.transform = `scaleX(${share})`; // a width would cost a new layout of the page
        bar.classList.toggle("is-negative", scores[digit] < 0);
        root.classList.toggle("is-answer", digit === answer);
      });
    }

    /* The bars follow every piece of a stroke; numbers that fast nobody could read, and to lay them
       out costs a fifth of the time that a piece has. */
    writeNumbers() {
      this.writing = null;
      this.rows.forEach(({ value }, digit) => {
        lenet.write(value, lenet.number(this.scores[digit], this.hasPenalties ? 1 : 2));
      });
    }
  }

  /* The largest penalty that a faultless drawing of another digit can get. */
  function farthest() {
    const distance = (a, b) => a.reduce((sum, value, j) => sum + (value - b[j]) ** 2, 0);
    return Math.max(...lenet.codes.flatMap((a) => lenet.codes.map((b) => distance(a, b))));
  }

  Object.assign(lenet, { LayerView, ScoresView, TableView });
})();
