/* The small panel: paper and answer. The large one, in panel.js, is made of it.

   One stroke goes: paper -> lenet.prepare -> lenet.networkInput -> lenet.run -> views. */
(function () {
  "use strict";
  const lenet = (window.lenet = window.lenet || {});
  const { button, element } = lenet;

  class SmallPanel {
    constructor(root, first) {
      this.root = root;
      this.drawing = new lenet.Drawing(() => this.update());
      this.build(first);
      this.load(lenet.examples[7][0]);
      this.listen();
    }

    build(first) {
      this.answer = new lenet.AnswerView("The paper is blank: draw a digit.", "LeNet-5", false);
      this.root.append(element("div", { class: "lenet-top" }, this.paper(), this.answer.root));
      this.take(lenet.networks[first]);
    }

    /* The paper and the buttons below it. */
    paper() {
      const undo = button("Undo", () => this.drawing.undo());
      const clear = button("Clear", () => this.drawing.clear());
      const tools = element("div", { class: "lenet-row" }, undo, clear);
      return element("div", { class: "lenet-drawing" }, this.drawing.holder, tools);
    }

    take(network) {
      this.network = network;
      this.answer.take(network);
    }

    load(index) {
      this.drawing.load(lenet.bytes(lenet.digits[index].pixels), index);
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
        const isMine = this.root.contains(activeElement) || (isUnderPointer && isFree);
        if (isMine && this.key(event)) event.preventDefault();
      });
    }

    /* Do what a key asks for; return whether it asked for anything. */
    key({ altKey, ctrlKey, key, metaKey, shiftKey }) {
      const isUndo = (ctrlKey || metaKey) && !altKey && !shiftKey && key === "z";
      if (isUndo) this.drawing.undo();
      return isUndo;
    }

    update() {
      const { prepared, field, outputs } = this.read();
      this.answer.update(field && outputs, undefined, prepared);
    }

    /* The drawing as it is prepared, which costs far more than a network: once for each drawing. */
    prepared() {
      const { ink, version } = this.drawing.sheet;
      if (this.preparedVersion !== version) {
        this.preparedVersion = version;
        this.preparedDrawing = lenet.prepare(ink, lenet.SIDE, lenet.SIDE);
      }
      return this.preparedDrawing;
    }

    /* Have the network read what is on the paper, moved by `shift`. `field` is null where that is
       blank or a picture without a digit; `prepared` where it is blank or an example, which MNIST's
       makers prepared. */
    read(shift) {
      const example = this.drawing.example();
      const prepared = this.drawing.pinned() ?? (example ? null : this.prepared());
      const field = example ?? prepared?.field ?? null;
      const blank = new Uint8Array(lenet.FIELD ** 2);
      const input = lenet.networkInput(this.network, field ?? blank, shift);
      return { prepared, field, input, outputs: lenet.run(this.network, input) };
    }
  }

  lenet.PANELS.small = SmallPanel;
  Object.assign(lenet, { SmallPanel });
})();
