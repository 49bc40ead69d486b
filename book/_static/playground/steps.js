/* The preparation of a drawing, shown step by step. */
(function () {
  "use strict";
  const lenet = (window.lenet = window.lenet || {});
  const { element } = lenet;

  class StepsView {
    constructor() {
      this.ink = lenet.tile(lenet.SIDE, lenet.SIDE, "is-smooth");
      this.box = lenet.frameOver(this.ink, "is-box");
      this.fitted = lenet.tile(lenet.BOX, lenet.BOX);
      this.field = lenet.tile(lenet.FIELD, lenet.FIELD);
      this.middle = lenet.frameOver(this.field, "is-middle");
      this.input = lenet.tile(lenet.FIELD, lenet.FIELD);
      this.inputName = element("span");
      this.root = element("ol", { class: "lenet-steps", "aria-label": "Preparation" });
      this.root.append(
        this.step(this.box.holder, "the ink in its box"),
        this.step(this.fitted, "20 pixels at its longer side"),
        this.step(this.middle.holder, "centred by mass in 28 × 28"),
        element("li", {}, this.input, this.inputName),
      );
      this.middle.show({ top: 13.5, left: 13.5, width: 1, height: 1 });
    }

    step(picture, caption) {
      return element("li", {}, picture, element("span", {}, caption));
    }

    /* Show a drawing's steps; an example of MNIST comes with the first two behind it. */
    update(canvas, prepared, field, input, network) {
      this.root.classList.toggle("is-example", prepared === null && field !== null);
      lenet.wipe(this.ink);
      this.ink.getContext("2d").drawImage(canvas, 0, 0);
      this.box.show(prepared && prepared.box);
      if (prepared) this.showFitted(prepared.fitted);
      else lenet.wipe(this.fitted);
      lenet.paintInk(this.field, field ?? new Uint8Array(lenet.FIELD ** 2), 0, 255);
      lenet.resize(this.input, network.size, network.size);
      lenet.paintInk(this.input, input.values, lenet.BACKGROUND, lenet.INK);
      const how = network.shrunk
        ? "16 × 16, framed"
        : `padded to ${network.size} × ${network.size}`;
      lenet.write(this.inputName, `${how}, from −0.1 to 1.175`);
    }

    showFitted({ pixels, width, height }) {
      lenet.resize(this.fitted, width, height);
      lenet.paintInk(this.fitted, pixels, 0, 255);
    }
  }

  Object.assign(lenet, { StepsView });
})();
