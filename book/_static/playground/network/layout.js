/* Where everything of a network lies in one long row of numbers, for the kernels.

   The maps of a layer lie one behind the other. A map that a convolution makes keeps the `pitch` of
   those it reads, the length of their rows: a weight at (ky, kx) then meets what lies ky * pitch + kx
   behind the place at which its kernel stands, so that a map is a sum of shifted rows, each taken in
   one long loop. What such a loop writes at the ends of a map's rows is waste, and it may write on to
   the end of its last block: there is room between maps. Around each map's gradients there are as
   many zeros as a kernel reaches: they go back through a convolution by such a loop, too. */
(function part() {
  "use strict";
  const { lenet } = self;
  lenet.remember(part);

  const WINDOW = 5; // of all kernels
  const BLOCK = 16; // numbers that a kernel may write at once
  const TENSORS = {
    convolution: ["kernels", "bias"],
    subsampling: ["coefficient", "bias"],
    full: ["weight", "bias"],
    rbf: ["codes"],
  };
  const ROW_OF = { convolution, subsampling, full, rbf: full };

  /* Lay a network out, and give its numbers to an engine; `learns`: with room for its training.

     A plan has `rows`, one for each layer: its kind, where its values `begin`, how far it is `between`
     its maps, their `side` and `pitch`, how long one is (`span`), and where the layer's tensors lie,
     by their names. Behind the values, as far as a plan's `gradients` and `squares` say, lie their
     gradients and squares; behind the weights their `rates`, curvatures and `squared`. The tensors of
     `network.layers` become views of all this, and change with it. */
  function newPlan(network, learns = false) {
    const plan = laidOut(network);
    const begin = plan.end * (learns ? 3 : 1);
    const { learned, all } = place(plan.rows, begin);
    plan.engine = lenet.newEngine(begin + all * (learns ? 4 : 1) + BLOCK);
    adopt(plan.rows, plan.engine.floats);
    const behind = { rates: all, curvature: 2 * all, squared: 3 * all };
    const last = plan.rows.at(-1);
    const penalties = last.kind === "rbf" ? new Float64Array(last.maps) : null;
    return {
      ...plan,
      gradients: plan.end,
      squares: 2 * plan.end,
      begin,
      learned,
      ...behind,
      penalties,
    };
  }

  function laidOut(network) {
    const { size, layers } = network;
    const image = { maps: 1, side: size, pitch: size, between: size * size, begin: 0 };
    const rows = [];
    let end = image.between + BLOCK;
    layers.forEach((layer, i) => {
      const below = rows.at(-1) ?? image;
      const row = ROW_OF[layer.kind](layer, below, layers[i + 1], end);
      Object.assign(row, { layer, below, first: i === 0 });
      end = row.begin + row.maps * row.between + BLOCK;
      rows.push(row);
    });
    return { image, rows, end };
  }

  function refuse(layer, why) {
    throw new Error(`there is no kernel for the layer ${layer.name}: ${why}`);
  }

  function convolution(layer, below, next, end) {
    const { window: reach, stride, table, inputs } = layer;
    if (reach !== WINDOW || stride !== 1) refuse(layer, `its kernels are ${reach} x ${reach}`);
    const dense = table.every((row) => row.length === inputs);
    if (below.side === reach && dense) return full(layer, below, next, end);
    if (next?.kind !== "subsampling" || below.kind === "convolution") {
      refuse(layer, "a convolution stands between layers of subsampling");
    }
    const side = below.side - reach + 1;
    const { pitch } = below;
    const span = (side - 1) * pitch + side;
    const around = (reach - 1) * (pitch + 1);
    const spanBelow = (below.side - 1) * pitch + below.side;
    const between = Math.max(span + around, blocks(span), blocks(spanBelow));
    const begin = end + around;
    const reads = [];
    for (const [map, sources] of table.entries()) {
      for (const source of sources) {
        const [to, from] = [begin + map * between, below.begin + source * below.between];
        reads.push({ to, from, weight: reads.length * reach * reach });
      }
    }
    const zeros = { around, spanBelow };
    return {
      kind: "convolution",
      maps: table.length,
      side,
      pitch,
      between,
      begin,
      span,
      reads,
      ...zeros,
    };
  }

  function subsampling(layer, below, next, begin) {
    if (below.side % 2 !== 0) refuse(layer, `its maps read ${below.side} rows, an odd number`);
    const [side, maps] = [below.side / 2, below.maps];
    const span = side * side;
    // A full layer reads all maps as one row.
    const isRow = next === undefined || next.kind !== "convolution" || side === WINDOW;
    const between = isRow ? span : blocks(span);
    return { kind: "subsampling", maps, side, pitch: side, between, begin, span };
  }

  function full(layer, below, next, begin) {
    if (below.between !== below.side * below.side) refuse(layer, "it reads no row");
    const inputs = below.maps * below.between;
    const units =
      (layer.kind === "rbf" ? layer.codes : (layer.weight ?? layer.kernels)).length / inputs;
    const kind = layer.kind === "rbf" ? "rbf" : "full";
    return { kind, maps: units, side: 1, pitch: 1, between: 1, begin, span: 1, inputs };
  }

  function blocks(n) {
    return Math.ceil(n / BLOCK) * BLOCK;
  }

  // --- Weights -------------------------------------------------------------------------------

  /* Say where each tensor lies: those that learn in the order of the layers, and then the codes. */
  function place(rows, begin) {
    let end = begin;
    let learned = 0;
    for (const row of rows) {
      for (const name of TENSORS[row.layer.kind]) {
        row[name] = end;
        end += row.layer[name].length;
        if (name !== "codes") learned = end - begin;
      }
    }
    return { learned, all: end - begin };
  }

  /* Copy the tensors to their places, and let the layers have them there. */
  function adopt(rows, floats) {
    for (const { layer, ...row } of rows) {
      for (const name of TENSORS[layer.kind]) {
        const view = floats.subarray(row[name], row[name] + layer[name].length);
        view.set(layer[name]);
        layer[name] = view;
      }
    }
  }

  Object.assign(lenet, { newPlan, TENSORS });
})();
