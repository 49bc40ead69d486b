/* The large panel to draw on: paper, preparation, network and answer, wired together. */
(function () {
  "use strict";
  const lenet = (window.lenet = window.lenet || {});
  const { button, element, thumbnail, toolbar } = lenet;

  const FIRST_LOOK = { index: 2, map: 4, row: 5, column: 5 }; // C3, in the middle
  const NUDGES = { "←": [0, -1], "↑": [-1, 0], "↓": [1, 0], "→": [0, 1] };
  const NUDGE_NAMES = { "←": "left", "↑": "up", "↓": "down", "→": "right" };
  const FARTHEST = 6; // pixels: a digit in the middle of LeNet-5's input has this much room

  /* Paper and answer, as in the small panel, with preparation and layers: `update` has it all. */
  class DrawPanel extends lenet.SmallPanel {
    constructor(root, first) {
      super(root, first);
      this.address = new lenet.Address(this);
      this.answer.status.after(this.address.told);
      this.address.follow();
    }

    build(first) {
      this.shift = { row: 0, column: 0 };
      this.turn = {}; // which example of a class comes next
      const blank = "The paper is blank: draw a digit, or press a digit key.";
      this.answer = new lenet.AnswerView(blank, "F6", true);
      this.steps = new lenet.StepsView();
      this.pictureSteps = new lenet.PictureStepsView();
      this.taker = new lenet.PictureTaker(this.root, (picture) => this.drawing.pin(picture));
      const own = (network, name) => this.takeOwn(network, name);
      this.bring = new lenet.BringView(this.root, own, lenet.isWeights);
      this.facts = element("p", { class: "lenet-muted lenet-facts" });
      this.mistakes = toolbar("lenet-thumbnails", "Test digits it misreads");
      this.machine = element("div", { class: "lenet-machine" });
      this.sums = element("div");
      const keys = Object.keys(lenet.titles);
      const titles = Object.values(lenet.titles);
      this.networks = lenet.choice("Network", titles, (i) => this.choose(keys[i]));
      const parts = [this.paper(), this.answer.root, this.exampleChoice()];
      this.root.append(
        element("div", { class: "lenet-head" }, this.networks.group, this.facts),
        element("div", { class: "lenet-top" }, ...parts),
        this.heading("What the network gets"),
        this.pictureSteps.root,
        element("div", { class: "lenet-prepared" }, this.steps.root, this.nudges()),
        this.heading("What its layers make of it"),
        this.machine,
        this.sums,
      );
      this.networks.choose(keys.indexOf(first));
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
        this.taker.root,
        this.bring.root,
        named("Or take a test digit (keys 0 to 9)", firsts.root),
        named("Those it misreads, and what they are", this.mistakes.root),
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

    /* Take a network of the reader's, which the file `name` holds. */
    takeOwn(network, name) {
      this.wanted = null;
      this.networks.clear();
      network.title = name;
      this.take(network);
    }

    /* Build the views of a network's layers, and have it read what is on the paper. */
    take(network) {
      super.take(network);
      const { title, mistakes } = this.network;
      this.facts.textContent = factsOf(this.network);
      this.mistakes.root.parentElement.hidden = mistakes.length === 0;
      this.mistakes.fill(
        mistakes.map((index) => {
          const { label } = lenet.digits[index];
          const told = `A ${label} that ${title} misreads`;
          const picture = thumbnail(index, () => this.load(index), told);
          picture.append(element("span", { "aria-hidden": "true" }, `${label}`));
          return picture;
        }),
      );
      this.explorer = new lenet.Explorer(this.network, FIRST_LOOK);
      this.scores?.root.remove();
      this.scores = new lenet.ScoresView(this.network);
      this.answer.root.append(this.scores.root);
      this.showLayers();
      this.explorer.select(FIRST_LOOK);
      this.update();
    }

    /* Show what an address says: a network, and an example or strokes. */
    show({ key, digit, strokes }) {
      if (key !== this.wanted) this.networks.choose(Object.keys(lenet.titles).indexOf(key));
      if (digit !== undefined) this.load(digit);
      else if (strokes) this.drawing.redraw(strokes);
    }

    showLayers() {
      const { arithmetic, layers, table, inspector, sparse } = this.explorer;
      layers[sparse].root.append(element("div", { class: "lenet-table-holder" }, table.root));
      const stack = element("div", { class: "lenet-layers" }, ...layers.map((view) => view.root));
      this.machine.replaceChildren(stack, inspector.root);
      this.sums.replaceChildren(arithmetic.root);
    }

    next(label) {
      const indices = lenet.examples[label];
      const turn = this.turn[label] ?? 0;
      this.turn[label] = (turn + 1) % indices.length;
      this.load(indices[turn]);
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

    /* A digit's key takes the next test digit of its class. */
    key(event) {
      if (super.key(event)) return true;
      const { altKey, ctrlKey, key, metaKey } = event;
      if (ctrlKey || metaKey || altKey || !/^[0-9]$/.test(key)) return false;
      this.next(Number(key));
      return true;
    }

    // --- What follows from it ----------------------------------------------------------------

    update() {
      const { prepared, field, input, outputs } = this.read(this.shift);
      this.pictureSteps.update(prepared);
      this.steps.update(this.drawing.canvas, prepared, field, input, this.network);
      this.explorer.update(input, outputs);
      const { digit } = this.drawing.content();
      this.answer.update(field && outputs, lenet.digits[digit]?.label, prepared);
      if (field) this.scores.update(outputs.at(-1).values);
      this.address?.note();
    }
  }

  function factsOf({ title, parameters, testErrors, testSize }) {
    const number = (value) => value.toLocaleString("en");
    const counted = `${number(parameters)} parameters`;
    if (testErrors === undefined) return `${counted}, of ${title}.`; // nobody judged it
    return `${counted}; misreads ${number(testErrors)} of ${number(testSize)} test digits.`;
  }

  lenet.PANELS.draw = DrawPanel;
})();
