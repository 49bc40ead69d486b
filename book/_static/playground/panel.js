/* The panel to draw on: paper, preparation, network and answer, wired together.

   One stroke goes: paper -> lenet.prepare -> lenet.networkInput -> lenet.run -> views. */
(function () {
  "use strict";
  const lenet = (window.lenet = window.lenet || {});
  const { button, element, thumbnail, toolbar } = lenet;

  const FIRST_LOOK = { index: 2, map: 4, row: 5, column: 5 }; // C3, in the middle
  const SETTLED = 400; // milliseconds without a change before a screen reader is told
  const NUDGES = { "←": [0, -1], "↑": [-1, 0], "↓": [1, 0], "→": [0, 1] };
  const NUDGE_NAMES = { "←": "left", "↑": "up", "↓": "down", "→": "right" };
  const FARTHEST = 6; // pixels: a digit in the middle of LeNet-5's input has this much room

  /* Paper, preparation, network and answer: what happens at a stroke is in `update`. */
  class DrawPanel {
    constructor(root, first) {
      this.root = root;
      this.shift = { row: 0, column: 0 };
      this.turn = {}; // which example of a class comes next
      this.drawing = new lenet.Drawing(() => this.update());
      this.steps = new lenet.StepsView();
      this.makeAnswer();
      this.facts = element("p", { class: "lenet-muted lenet-facts" });
      this.mistakes = toolbar("lenet-thumbnails", "Test digits it misreads");
      this.machine = element("div", { class: "lenet-machine" });
      const keys = Object.keys(lenet.titles);
      this.networks = lenet.choice("Network", Object.values(lenet.titles), (i) => this.choose(keys[i]));
      this.build();
      this.networks.choose(keys.indexOf(first));
      this.load(lenet.examples[7][0]);
      this.listen();
    }

    makeAnswer() {
      this.digit = element("span", { class: "lenet-digit", "aria-hidden": "true" });
      this.status = element("p", { class: "lenet-status", role: "status" });
      this.drawn = lenet.tile(lenet.bitmap.columns, lenet.bitmap.rows, "lenet-code");
      this.code = lenet.tile(lenet.bitmap.columns, lenet.bitmap.rows, "lenet-code");
      this.codeName = element("span");
      this.pair = element("div", { class: "lenet-pair" });
      this.pair.append(
        element("figure", {}, this.drawn, element("figcaption", {}, "F6 draws")),
        element("figure", {}, this.code, element("figcaption", {}, this.codeName)),
      );
    }

    build() {
      const undo = button("Undo", () => this.drawing.undo());
      const clear = button("Clear", () => this.drawing.clear());
      const tools = element("div", { class: "lenet-row" }, undo, clear);
      const paper = element("div", { class: "lenet-drawing" }, this.drawing.holder, tools);
      const verdict = element("div", { class: "lenet-verdict" }, this.digit, this.pair);
      this.answer = element("div", { class: "lenet-answer" }, verdict, this.status);
      this.root.append(
        element("div", { class: "lenet-head" }, this.networks.group, this.facts),
        element("div", { class: "lenet-top" }, paper, this.answer, this.exampleChoice()),
        this.heading("What the network gets"),
        element("div", { class: "lenet-prepared" }, this.steps.root, this.nudges()),
        this.heading("What its layers make of it"),
        this.machine,
      );
    }

    heading(text) {
      return element("p", { class: "lenet-heading" }, text);
    }

    exampleChoice() {
      const firsts = toolbar("lenet-thumbnails", "Test digits");
      firsts.fill(
        lenet.examples.map((indices, label) =>
          thumbnail(indices[0], () => this.next(label), `A test digit: ${label}`),
        ),
      );
      const named = (name, strip) =>
        element(
          "div",
          { class: "lenet-strip" },
          element("span", { class: "lenet-muted" }, name),
          strip,
        );
      return element(
        "div",
        { class: "lenet-examples" },
        named("Or take a test digit (keys 0 to 9)", firsts.root),
        named("Test digits it misreads", this.mistakes.root),
      );
    }

    nudges() {
      const group = toolbar("lenet-nudges", "Shift the digit after its preparation");
      const ways = Object.entries(NUDGES).map(([arrow, [down, right]]) => {
        const label = `Shift by one pixel: ${NUDGE_NAMES[arrow]}`;
        const attributes = { "aria-label": label, "data-way": NUDGE_NAMES[arrow] };
        return button(arrow, () => this.nudge(down, right), attributes);
      });
      group.fill([...ways, button("centre", () => this.centre(), { "data-way": "centre" })]);
      return element(
        "div",
        {},
        group.root,
        element("p", { class: "lenet-muted" }, "shift it off its place"),
      );
    }

    // --- What the reader does ----------------------------------------------------------------

    /* Take another network, once its weights are there. */
    choose(key) {
      this.wanted = key;
      if (lenet.networks[key]) {
        this.take(lenet.networks[key]);
        return;
      }
      const title = lenet.titles[key];
      this.facts.textContent = `${title} is being loaded.`;
      lenet.bringNetwork(key).then(
        () => this.wanted === key && this.take(lenet.networks[key]),
        () => {
          if (this.wanted === key) this.facts.textContent = `${title} could not be loaded.`;
        },
      );
    }

    /* Build the views of a network's layers, and have it read what is on the paper. */
    take(network) {
      this.network = network;
      const { title, parameters, testErrors, testSize, mistakes } = this.network;
      const number = (value) => value.toLocaleString("en");
      this.facts.textContent = `${number(parameters)} parameters; misreads ${number(testErrors)} of ${number(testSize)} test digits.`;
      this.mistakes.fill(
        mistakes.map((index) => {
          const label = `A ${lenet.digits[index].label} that ${title} misreads`;
          return thumbnail(index, () => this.load(index), label);
        }),
      );
      this.explorer = new lenet.Explorer(this.network, FIRST_LOOK);
      this.scores = new lenet.ScoresView(this.network);
      this.answer.querySelector(".lenet-scores")?.remove();
      this.answer.append(this.scores.root);
      this.pair.hidden = !this.scores.hasPenalties;
      this.showLayers();
      this.explorer.select(FIRST_LOOK);
      this.update();
    }

    showLayers() {
      const { layers, table, inspector, sparse } = this.explorer;
      layers[sparse].root.append(element("div", { class: "lenet-table-holder" }, table.root));
      const stack = element("div", { class: "lenet-layers" }, ...layers.map((view) => view.root));
      this.machine.replaceChildren(stack, inspector.root);
    }

    next(label) {
      const indices = lenet.examples[label];
      const turn = this.turn[label] ?? 0;
      this.turn[label] = (turn + 1) % indices.length;
      this.load(indices[turn]);
    }

    load(index) {
      this.drawing.load(lenet.bytes(lenet.digits[index].pixels));
    }

    nudge(down, right) {
      const row = lenet.clamp(this.shift.row + down, -FARTHEST, FARTHEST);
      const column = lenet.clamp(this.shift.column + right, -FARTHEST, FARTHEST);
      this.shift = { row, column };
      this.update();
    }

    centre() {
      this.shift = { row: 0, column: 0 };
      this.update();
    }

    /* Keys are for this panel while the focus or the pointer is in it, unless another has the focus:
       a page must not answer to single letters that are meant for no one. */
    listen() {
      let isUnderPointer = false;
      this.root.addEventListener("pointerenter", () => (isUnderPointer = true));
      this.root.addEventListener("pointerleave", () => (isUnderPointer = false));
      document.addEventListener("keydown", (event) => {
        const { activeElement, body } = document;
        const isFree = activeElement === body || activeElement === null;
        if (this.root.contains(activeElement) || (isUnderPointer && isFree)) this.key(event);
      });
    }

    key(event) {
      const { altKey, ctrlKey, key, metaKey, shiftKey } = event;
      if ((ctrlKey || metaKey) && !altKey && !shiftKey && key === "z") this.drawing.undo();
      else if (!(ctrlKey || metaKey || altKey) && /^[0-9]$/.test(key)) this.next(Number(key));
      else return;
      event.preventDefault();
    }

    // --- What follows from it ----------------------------------------------------------------

    update() {
      if (!this.network) return;
      const example = this.drawing.example();
      const prepared = example
        ? null
        : lenet.prepare(this.drawing.opacity(), lenet.SIDE, lenet.SIDE);
      const field = example ?? prepared?.field ?? null;
      const blank = new Uint8Array(lenet.FIELD ** 2);
      const input = lenet.networkInput(this.network, field ?? blank, this.shift);
      this.steps.update(this.drawing.canvas, prepared, field, input, this.network);
      const outputs = lenet.run(this.network, input);
      this.explorer.update(input, outputs);
      this.conclude(field === null ? null : outputs);
    }

    /* Show the answer; `outputs` is null for a blank page, to which there is none. */
    conclude(outputs) {
      this.answer.classList.toggle("is-blank", outputs === null);
      if (outputs === null) {
        this.digit.textContent = "?";
        return this.announce("The paper is blank: draw a digit, or press a digit key.");
      }
      const scores = outputs.at(-1).values;
      const ranking = lenet.ranking(this.network, scores);
      this.scores.update(scores, ranking);
      lenet.write(this.digit, `${ranking[0]}`);
      if (this.scores.hasPenalties) {
        lenet.paintInk(this.drawn, outputs.at(-2).values, -1, 1);
        lenet.paintInk(this.code, lenet.codes[ranking[0]], -1, 1);
        lenet.write(this.codeName, `code of ${ranking[0]}`);
      }
      return this.announce(this.sentence(scores, ranking));
    }

    sentence(scores, [first, second]) {
      const { title } = this.network;
      const [best, next] = [scores[first], scores[second]].map((score) =>
        lenet.number(score, this.scores.hasPenalties ? 1 : 2),
      );
      const kind = this.scores.hasPenalties ? "penalty" : "output";
      return `${title} reads a ${first} (${kind} ${best}); the runner-up is ${second} (${next}).`;
    }

    /* Say it once the drawing has come to rest: a screen reader would not keep up with a stroke. */
    announce(sentence) {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => {
        if (this.status.textContent !== sentence) this.status.textContent = sentence;
      }, SETTLED);
    }
  }

  lenet.PANELS = {
    draw: DrawPanel,
    layers: lenet.LayersFigure,
    connections: lenet.ConnectionsFigure,
  };
})();
