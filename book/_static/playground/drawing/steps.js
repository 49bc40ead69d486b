/* The preparation of a drawing or a picture, shown step by step. */
(function () {
  "use strict";
  const lenet = (window.lenet = window.lenet || {});
  const { element } = lenet;

  const SEEN = 280; // pixels: no picture of a step is longer

  function steps(label, pictures) {
    const root = element("ol", { class: "lenet-steps", "aria-label": label });
    root.append(
      ...pictures.map(([picture, caption]) =>
        element("li", {}, picture, element("span", {}, caption)),
      ),
    );
    return root;
  }

  class StepsView {
    constructor() {
      this.ink = lenet.tile(lenet.SIDE, lenet.SIDE, "is-smooth");
      this.box = lenet.frameOver(this.ink, "is-box");
      this.fitted = lenet.tile(lenet.BOX, lenet.BOX);
      this.fittedName = element("span");
      this.field = lenet.tile(lenet.FIELD, lenet.FIELD);
      this.middle = lenet.frameOver(this.field, "is-middle");
      this.input = lenet.tile(lenet.FIELD, lenet.FIELD);
      this.inputName = element("span");
      this.root = steps("Preparation", [
        [this.box.holder, "the ink in its box"],
        [this.fitted, this.fittedName],
        [this.middle.holder, "centred by mass in 28 × 28"],
        [this.input, this.inputName],
      ]);
      this.middle.show({ top: 13.5, left: 13.5, width: 1, height: 1 });
    }

    /* Show a drawing's steps, or the last ones of a picture; an example of MNIST comes with the first
       two behind it. */
    update(canvas, prepared, field, input, network) {
      this.root.classList.toggle("is-example", prepared === null && field !== null);
      this.showInk(canvas, prepared);
      if (prepared?.fitted) this.showFitted(prepared.fitted);
      else lenet.wipe(this.fitted);
      const longer = "20 pixels at its longer side";
      lenet.write(this.fittedName, prepared?.isThinned ? `a narrower pen; ${longer}` : longer);
      lenet.paintInk(this.field, field ?? new Uint8Array(lenet.FIELD ** 2), 0, 255);
      lenet.resize(this.input, network.size, network.size);
      lenet.paintInk(this.input, input.values, lenet.BACKGROUND, lenet.INK);
      const how = network.shrunk
        ? "16 × 16, framed"
        : `padded to ${network.size} × ${network.size}`;
      lenet.write(this.inputName, `${how}, from −0.1 to 1.175`);
    }

    /* Of a picture, the digit's ink alone, as large as it fits. */
    showInk(canvas, prepared) {
      const found = prepared?.picture && prepared.digit;
      const box = lenet.drawWhole(this.ink, found ? tileOf(found, 0, 1) : canvas);
      if (!prepared?.box) return this.box.show(null);
      const grow = found ? box.width / found.width : 1;
      const { left, top, width, height } = prepared.box;
      return this.box.show({
        left: box.left + left * grow,
        top: box.top + top * grow,
        width: width * grow,
        height: height * grow,
      });
    }

    showFitted({ pixels, width, height }) {
      lenet.resize(this.fitted, width, height);
      lenet.paintInk(this.fitted, pixels, 0, 255);
    }
  }

  /* How the ink of a picture is found; unseen where there is none. */
  class PictureStepsView {
    constructor() {
      const names = ["picture", "paper", "ink", "digit"];
      for (const name of names) this[name] = lenet.tile(SEEN, SEEN, "is-smooth");
      this.root = steps("From the picture to the digit’s ink", [
        [this.picture, "the picture"],
        [this.paper, "its paper, estimated place by place"],
        [this.ink, "its ink: what differs from the paper"],
        [this.digit, "dark, the parts that can be a digit"],
      ]);
    }

    update(prepared) {
      this.root.hidden = !prepared?.picture;
      if (this.root.hidden || prepared === this.shown) return;
      this.shown = prepared; // the same as long as the picture is: other networks read it, too
      const { digit, ink, labels, paper, picture } = prepared;
      const whole = lenet.tile(picture.width, picture.height);
      lenet.paintColours(whole, picture);
      lenet.drawWhole(this.picture, whole);
      for (const name of ["paper", "ink", "digit"]) lenet.wipe(this[name]);
      if (!digit) return;
      const parts = {
        ...ink,
        values: digit.values.map((v, i) => Math.max(v, 0.2 * (labels.values[i] > 0))),
      };
      lenet.drawWhole(this.paper, tileOf(paper, 255, 0));
      lenet.drawWhole(this.ink, tileOf(ink, 0, 1));
      lenet.drawWhole(this.digit, tileOf(parts, 0, 1));
    }
  }

  /* A tile of numbers, blocks of which are averaged where there are more than can be seen. */
  function tileOf(numbers, low, high) {
    const factor = Math.max(1, Math.floor(Math.max(numbers.width, numbers.height) / SEEN));
    const { width, height, values } = lenet.blocks({ ...numbers, bands: 1 }, factor);
    const tile = lenet.tile(width, height);
    lenet.paintInk(tile, values, low, high);
    return tile;
  }

  Object.assign(lenet, { PictureStepsView, StepsView });
})();
