/* The paper, on which one draws with mouse, finger, pen or keyboard.

   What was done is kept as a list of deeds: a stroke, an example put on the paper, a clean sheet.
   Undo drops the last one and does the others again. The first stroke after an example begins a
   new drawing; undone, it leaves the example. The ink is on a sheet of bytes, where pen.js puts it,
   and nobody reads the canvas, which shows it. */
(function () {
  "use strict";
  const lenet = (window.lenet = window.lenet || {});

  // The size it is shown at stands in playground.css, at .lenet-drawing.
  const { SIDE } = lenet;
  const WHOLE = { left: 0, top: 0, width: SIDE, height: SIDE };
  const NEAR = 1; // pixel: a pen that has gone less far since its last point makes no new one
  const STEP = 10; // how far an arrow key moves the pen; with Shift a fifth of it
  const PALM = 2000; // milliseconds after a pen was there in which a hand at rest draws nothing
  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const HELP =
    "Drawing paper. Draw with mouse or finger. By keyboard: arrow keys move the pen, Space " +
    "lowers or lifts it, Backspace or Ctrl+Z undoes, Delete clears.";

  class Drawing {
    /* `changed` is called after every piece of a stroke, and after every other deed. */
    constructor(changed) {
      this.changed = changed;
      this.deeds = [];
      this.stroke = null; // the one being drawn
      this.pointer = null; // whose stroke it is: {pointerId, pointerType}, or nobody's
      this.penLeft = -Infinity; // when a pen was seen last
      this.pen = { x: SIDE / 2, y: SIDE / 4 }; // the keyboard's
      this.isDown = false;
      this.canvas = lenet.element("canvas", {
        width: SIDE,
        height: SIDE,
        class: "lenet-paper",
        tabindex: 0,
        role: "application",
        "aria-label": HELP,
      });
      this.cursor = lenet.element("span", { class: "lenet-pen", "aria-hidden": "true" });
      // To be seen only: the canvas says to others how one draws.
      this.invitation = lenet.element("span", { class: "lenet-invitation", "aria-hidden": "true" });
      this.invitation.textContent = "draw a digit here";
      this.holder = lenet.element("div", { class: "lenet-sheet" });
      this.holder.append(this.canvas, this.cursor, this.invitation);
      this.context = this.canvas.getContext("2d");
      this.sheet = new lenet.Sheet();
      this.picture = this.context.createImageData(SIDE, SIDE); // black; its opacity is the ink
      this.listen();
      this.showPen();
    }

    listen() {
      const on = (name, listener) => this.canvas.addEventListener(name, listener.bind(this));
      on("pointerdown", this.press);
      on("pointermove", this.move);
      on("pointerup", this.release);
      on("pointercancel", this.release);
      on("keydown", this.key);
      on("blur", () => this.lower(false));
    }

    // --- Pointer -----------------------------------------------------------------------------

    /* One pointer draws at a time, and a pen goes before the hand that holds it. */
    press(event) {
      if (event.button !== 0 || this.isPalm(event)) return;
      const palmWasFirst = event.pointerType === "pen" && this.pointer?.pointerType === "touch";
      if (palmWasFirst) this.undo();
      else if (this.pointer) return;
      this.canvas.setPointerCapture(event.pointerId);
      this.lower(false);
      this.pointer = { pointerId: event.pointerId, pointerType: event.pointerType };
      this.begin(this.place(event));
    }

    isPalm({ pointerType, timeStamp }) {
      if (pointerType === "pen") this.penLeft = timeStamp;
      return pointerType === "touch" && timeStamp - this.penLeft < PALM;
    }

    move(event) {
      this.isPalm(event); // a pen may hover
      if (event.pointerId !== this.pointer?.pointerId) return;
      const events = event.getCoalescedEvents?.() ?? [];
      for (const part of events.length ? events : [event]) this.extend(this.place(part));
      this.changed();
    }

    release(event) {
      this.isPalm(event);
      if (event.pointerId === this.pointer?.pointerId) this.lift();
    }

    lift() {
      this.pointer = null;
      this.stroke = null;
    }

    place(event) {
      const box = this.canvas.getBoundingClientRect();
      return {
        x: ((event.clientX - box.left) / box.width) * SIDE,
        y: ((event.clientY - box.top) / box.height) * SIDE,
      };
    }

    // --- Keyboard ----------------------------------------------------------------------------

    key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key in ARROWS) this.walk(ARROWS[event.key], event.shiftKey ? STEP / 5 : STEP);
      else if (event.key === " ") this.lower(!this.isDown);
      else if (event.key === "Backspace") this.undo();
      else if (event.key === "Delete") this.clear();
      else return;
      event.preventDefault(); // the page would scroll
    }

    walk([right, down], step) {
      this.pen.x = lenet.clamp(this.pen.x + right * step, 0, SIDE);
      this.pen.y = lenet.clamp(this.pen.y + down * step, 0, SIDE);
      this.showPen();
      if (!this.isDown) return;
      this.extend({ ...this.pen });
      this.changed();
    }

    /* Lower the keyboard's pen onto the paper, or lift it. */
    lower(isDown) {
      if (this.isDown === isDown) return;
      this.isDown = isDown;
      this.showPen();
      this.lift();
      if (isDown) this.begin({ ...this.pen });
    }

    showPen() {
      this.cursor.style.left = `${(100 * this.pen.x) / SIDE}%`;
      this.cursor.style.top = `${(100 * this.pen.y) / SIDE}%`;
      this.cursor.classList.toggle("is-down", this.isDown);
    }

    // --- Deeds -------------------------------------------------------------------------------

    begin(point) {
      if (this.example() || this.pinned()) this.show(WHOLE);
      const first = lenet.snap(point);
      this.stroke = { points: [first] };
      this.deeds.push(this.stroke);
      this.invitation.hidden = true;
      this.show(this.sheet.draw(first, first));
      this.changed();
    }

    extend(point) {
      const [last, next] = [this.stroke.points.at(-1), lenet.snap(point)];
      if (Math.hypot(next.x - last.x, next.y - last.y) < NEAR) return;
      this.show(this.sheet.draw(last, next));
      this.stroke.points.push(next);
    }

    /* Put one of MNIST's digits, 28 x 28 bytes, on a clean sheet; `digit` is its number. */
    load(pixels, digit) {
      this.act({ pixels, digit });
    }

    /* Put strokes on a clean sheet, each a row of points. */
    redraw(strokes) {
      this.act({ clean: true }, ...strokes.map((points) => ({ points })));
    }

    /* What is on the paper: {digit}, an example's number, or {strokes}; of a picture nothing. */
    content() {
      if (this.pinned()) return {};
      const last = this.lastSheet();
      if (this.example()) return { digit: this.deeds[last].digit };
      return { strokes: this.deeds.slice(last + 1).map(({ points }) => points) };
    }

    /* Where the deed stands that the strokes on the paper came after. */
    lastSheet() {
      return this.deeds.findLastIndex(({ points }) => !points);
    }

    /* Put a picture on a clean sheet, prepared by lenet.prepareAside. */
    pin(picture) {
      this.act({ picture, pixels: picture.field });
    }

    clear() {
      if (!this.isBlank()) this.act({ clean: true });
    }

    undo() {
      this.lift();
      this.lower(false);
      if (this.deeds.pop()) this.redo();
    }

    act(...deeds) {
      this.lift();
      this.lower(false);
      this.deeds.push(...deeds);
      this.redo();
    }

    redo() {
      const last = this.lastSheet();
      this.invitation.hidden = last < this.deeds.length - 1 || this.pinned() !== null;
      this.sheet.wipe();
      for (const { points } of this.deeds.slice(last + 1)) {
        points.forEach((point, i) => this.sheet.draw(points[Math.max(0, i - 1)], point));
      }
      this.show(WHOLE);
      if (this.pinned()) this.showPicture(this.pinned());
      else if (this.example()) this.enlarge(this.example());
      this.changed();
    }

    isBlank() {
      return this.deeds.length === 0 || this.deeds.at(-1).clean === true;
    }

    /* The pixels of the example on the paper, or of the picture's digit; or null. */
    example() {
      return this.deeds.at(-1)?.pixels ?? null;
    }

    /* The prepared picture on the paper, or null. */
    pinned() {
      return this.deeds.at(-1)?.picture ?? null;
    }

    // --- Ink ---------------------------------------------------------------------------------

    /* Show what is in a box of the sheet, and nothing else there. */
    show({ left, top, width, height }) {
      for (let row = top; row < top + height; row++) {
        for (let place = row * SIDE + left; place < row * SIDE + left + width; place++) {
          this.picture.data[4 * place + 3] = this.sheet.ink[place];
        }
      }
      this.context.putImageData(this.picture, 0, 0, left, top, width, height);
    }

    showPicture({ picture }) {
      const small = lenet.tile(picture.width, picture.height);
      lenet.paintColours(small, picture);
      lenet.drawWhole(this.canvas, small);
    }

    enlarge(pixels) {
      const small = lenet.tile(lenet.FIELD, lenet.FIELD);
      const image = new ImageData(lenet.FIELD, lenet.FIELD);
      pixels.forEach((ink, i) => (image.data[4 * i + 3] = ink));
      small.getContext("2d").putImageData(image, 0, 0);
      this.context.drawImage(small, 0, 0, SIDE, SIDE);
    }
  }

  Object.assign(lenet, { ARROWS, Drawing });
})();
