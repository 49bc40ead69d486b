/* One image on its way through a network, there and back, one station at a time. */
(function () {
  "use strict";
  const lenet = (window.lenet = window.lenet || {});
  const { button, element } = lenet;

  const PACE = 2000; // milliseconds at a station, where it goes on by itself
  const COLUMNS = { C5: 12, F6: 7 }; // how the units of a layer are laid out

  class WatchView {
    constructor() {
      this.title = element("p", { class: "lenet-inspector-title" });
      this.text = element("p");
      this.told = element("div", { role: "status" }, this.title, this.text);
      this.pictures = element("div", { class: "lenet-station" });
      const way = lenet.toolbar("lenet-row", "The image’s way");
      this.before = button("Back", () => this.go(this.at - 1));
      this.after = button("Next", () => this.go(this.at + 1));
      this.walking = button("Play", () => this.walk(!this.timer));
      way.fill([this.before, this.walking, this.after]);
      this.root = element("div", { class: "lenet-watch" }, way.root, this.told, this.pictures);
      this.root.hidden = true;
    }

    /* Begin with the news of a watched image, of `network`. */
    take(network, news) {
      this.root.hidden = false;
      this.network = network;
      this.stations = stationsOf(network, news);
      this.go(0);
      // Who wants no motion goes on by hand.
      this.walk(!window.matchMedia("(prefers-reduced-motion: reduce)").matches);
    }

    hide() {
      this.walk(false);
      this.root.hidden = true;
    }

    walk(isOn) {
      clearTimeout(this.timer);
      this.timer = isOn ? setTimeout(() => this.walkOn(), PACE) : null;
      lenet.write(this.walking, isOn ? "Stop" : "Play");
      // No voice would keep up with it; who goes by hand is told each station.
      this.told.setAttribute("aria-live", isOn ? "off" : "polite");
    }

    walkOn() {
      this.go(this.at + 1);
      this.walk(this.at < this.stations.length - 1);
    }

    go(at) {
      this.at = lenet.clamp(at, 0, this.stations.length - 1);
      const { title, text, pictures } = this.stations[this.at];
      lenet.write(this.title, `${this.at + 1} of ${this.stations.length}: ${title}`);
      lenet.write(this.text, text);
      this.pictures.replaceChildren(...pictures());
      this.before.disabled = this.at === 0;
      this.after.disabled = this.at === this.stations.length - 1;
    }
  }

  /* All stations: the image, each layer, the penalties; the error at the penalties and at each layer,
     backwards; then what is taken off the weights of each layer. */
  function stationsOf(network, news) {
    const layers = network.layers.slice(0, -1).map((layer, i) => ({ layer, i }));
    return [
      atImage(network, news),
      ...layers.map(({ layer, i }) => forwards(layer, news.outputs[i])),
      atPenalties(network, news),
      errorOfPenalties(network, news),
      ...layers.reverse().map(({ layer, i }) => backwards(layer, news.outputs[i], news.deltas[i])),
      ...layers.reverse().map(({ layer }) => stepsOf(network, layer, news)),
      readAgain(network, news),
    ];
  }

  function atImage(network, { input, label, seen }) {
    const tile = () => {
      const made = lenet.tile(network.size, network.size);
      lenet.paintInk(made, input.values ?? input, lenet.BACKGROUND, lenet.INK);
      return [figure(made, "the image")];
    };
    return {
      title: `Image ${(seen + 1).toLocaleString("en")}, to be read as ${label}`,
      text: "It is padded to 32 × 32, paper being −0.1 and ink 1.175.",
      pictures: tile,
    };
  }

  function forwards(layer, output) {
    const shape =
      output.side > 1 ? `${output.maps} maps of ${output.side} × ${output.side}` : "its units";
    return {
      title: `Forwards: ${layer.name}`,
      text: `${layer.name} answers to what the layer before it said: ${shape}, red above zero, blue below.`,
      pictures: () => [figure(mapsTile(layer, output), layer.name)],
    };
  }

  function atPenalties(network, { outputs, label, loss }) {
    const scores = outputs.at(-1).values;
    const [first] = lenet.ranking(network, scores);
    const [wanted, found] = [label, first].map((digit) => lenet.number(scores[digit], 1));
    const said =
      first === label
        ? `The smallest penalty is that of ${label}, ${wanted}: it reads the digit right.`
        : `The smallest penalty is that of ${first}, ${found}; that of ${label} is ${wanted}.`;
    return {
      title: "Forwards: the penalties",
      text: `${said} The criterion makes of them a loss of ${lenet.number(loss, 2)}.`,
      pictures: () => [numbersTable("Penalty", scores, label, 1)],
    };
  }

  function errorOfPenalties(network, { deltas, label }) {
    return {
      title: "Backwards: the penalties",
      text: `How the loss grows with each penalty: that of ${label} should be smaller, the others larger, most of all those that are nearly as small.`,
      pictures: () => [numbersTable("Slope", deltas.at(-1).values, label, 3)],
    };
  }

  function backwards(layer, output, delta) {
    return {
      title: `Backwards: ${layer.name}`,
      text: `How the loss would grow if an output of ${layer.name} grew: red ones should be smaller, blue ones larger. The largest slope is ${size(delta.values)}.`,
      pictures: () => [
        figure(mapsTile(layer, output), `${layer.name} said`),
        figure(mapsTile(layer, delta, lenet.largest(delta.values)), "the error that arrives"),
      ],
    };
  }

  function stepsOf(network, layer, { steps, rates }) {
    const own = lenet
      .tensorsOf(network)
      .filter(({ name, learned }) => learned && name.startsWith(`${layer.name.toLowerCase()}.`));
    const [from, to] = [own[0].from, own.at(-1).from + own.at(-1).values.length];
    const some = rates.subarray(from, to);
    const [least, most] = [Math.min(...some), Math.max(...some)].map((rate) => rate.toPrecision(2));
    return {
      title: `Each weight’s step: ${layer.name}`,
      text: `This is taken off its ${(to - from).toLocaleString("en")} numbers; the largest step is ${size(steps.subarray(from, to))}. Their own rates reach from ${least} to ${most}.`,
      pictures: () =>
        own.map((tensor) => {
          const taken = steps.subarray(tensor.from, tensor.from + tensor.values.length);
          return figure(stepsTile(layer, tensor, taken), tensor.name);
        }),
    };
  }

  function readAgain(network, { input, outputs, label }) {
    const image = input.values ? input : { maps: 1, side: network.size, values: input };
    const after = lenet.run(network, image).at(-1).values[label];
    const [was, is] = [outputs.at(-1).values[label], after].map((value) => lenet.number(value, 2));
    return {
      title: "Read again",
      text: `With its new weights the network gives ${label} a penalty of ${is}; before the step it was ${was}.`,
      pictures: () => [],
    };
  }

  // --- Pictures ------------------------------------------------------------------------------

  function figure(picture, caption) {
    return element("figure", {}, picture, element("figcaption", {}, caption));
  }

  function size(values) {
    return lenet.largest(values).toPrecision(2);
  }

  /* All maps of a layer side by side, or its units in rows. */
  function mapsTile(layer, { maps, side, values }, limit = layer.squash.amplitude ?? 1) {
    if (side === 1) {
      const columns = COLUMNS[layer.name];
      const tile = lenet.tile(columns, maps / columns, "is-units");
      lenet.paintSigned(tile, values, limit);
      return tile;
    }
    const across = maps > 8 ? 8 : maps;
    const width = across * (side + 1) - 1;
    const picture = new Float32Array(width * ((maps / across) * (side + 1) - 1)).fill(NaN);
    for (let map = 0; map < maps; map++) {
      const corner = Math.floor(map / across) * (side + 1) * width + (map % across) * (side + 1);
      for (let row = 0; row < side; row++) {
        const from = (map * side + row) * side;
        picture.set(values.subarray(from, from + side), corner + row * width);
      }
    }
    const tile = lenet.tile(width, picture.length / width, "is-grid");
    lenet.paintSigned(tile, picture, limit);
    return tile;
  }

  /* What is taken off a tensor: kernels as they are connected, a matrix row by row, or a line. */
  function stepsTile(layer, { shape }, taken) {
    if (layer.kind === "convolution" && shape.length > 1) {
      const tile = lenet.kernelTile(layer);
      lenet.paintKernels(tile, layer, taken);
      return tile;
    }
    const isMatrix = shape.length === 2;
    const columns = isMatrix ? shape[1] : taken.length;
    const tile = lenet.tile(columns, taken.length / columns, isMatrix ? "" : "is-line");
    lenet.paintSigned(tile, taken, lenet.largest(taken));
    return tile;
  }

  function numbersTable(name, values, label, decimals) {
    const cells = (tag, texts) =>
      texts.map((text, digit) => element(tag, { class: digit === label ? "is-answer" : "" }, text));
    const digits = cells("th", [...values.keys()].map(String));
    const numbers = cells(
      "td",
      [...values].map((value) => lenet.number(value, decimals)),
    );
    const head = (text) => element("th", { scope: "row" }, text);
    const rows = [
      element("tr", {}, head("Digit"), ...digits),
      element("tr", {}, head(name), ...numbers),
    ];
    // It scrolls on a phone, so the keyboard has to reach it.
    const told = `${name} of each digit`;
    const box = { class: "lenet-numbers", tabindex: 0, role: "group", "aria-label": told };
    return element("div", box, element("table", {}, ...rows));
  }

  Object.assign(lenet, { WatchView });
})();
