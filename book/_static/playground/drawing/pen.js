/* Ink by arithmetic of our own, on a sheet of bytes.

   A canvas would draw each stroke a little differently in every browser, and some give back other
   pixels than they were given. Here the same points make the same bytes everywhere: these are sums
   and products of quarters, which are exact, one square root and one division, which every engine
   rounds alike, and a rounding to whole numbers. */
(function () {
  "use strict";
  const lenet = (window.lenet = window.lenet || {});

  const SIDE = 280; // pixels of the paper
  const PEN = 22; // width of a stroke: about two pixels once the digit is 20 pixels high
  const PLACES = 4; // in a pixel, each way: a pen is at one of them, on the paper or around it

  /* The place of a pen that is nearest to a point. */
  function snap({ x, y }) {
    const place = (from) => lenet.clamp(Math.round(from * PLACES) / PLACES, -SIDE, 2 * SIDE);
    return { x: place(x), y: place(y) };
  }

  /* How far the pixel's centre, `right` and `down` of where a line begins, is from the line, which
     goes `across` and `along` from there. */
  function distance(right, down, across, along) {
    const square = across * across + along * along;
    const progress = right * across + down * along; // times the line's length
    if (progress <= 0) return Math.sqrt(right * right + down * down);
    if (progress < square) return Math.abs(down * across - right * along) / Math.sqrt(square);
    return Math.sqrt((right - across) * (right - across) + (down - along) * (down - along));
  }

  /* A sheet of paper; `ink` has a byte for each pixel, row by row, 0 for paper, and `version` is
     another number once it may have changed. */
  class Sheet {
    constructor() {
      this.ink = new Uint8Array(SIDE * SIDE);
      this.version = 0;
    }

    wipe() {
      this.version += 1;
      this.ink.fill(0);
    }

    /* Draw a line with round ends, a dot where it ends as it begins. A pixel has as much ink as its
       centre lies within the line, from half a pixel inside its edge to half a pixel outside; where
       lines cross, as much as the one that gives it most. Returns the box that may have changed. */
    draw(from, to) {
      this.version += 1;
      const box = around(from, to);
      const [across, along] = [to.x - from.x, to.y - from.y];
      const edge = PEN / 2 + 0.5;
      for (let row = box.top; row < box.top + box.height; row++) {
        for (let column = box.left; column < box.left + box.width; column++) {
          const place = row * SIDE + column;
          if (this.ink[place] === 255) continue;
          const far = distance(column + 0.5 - from.x, row + 0.5 - from.y, across, along);
          const ink = Math.round(255 * lenet.clamp(edge - far, 0, 1));
          if (ink > this.ink[place]) this.ink[place] = ink;
        }
      }
      return box;
    }
  }

  /* The pixels of the sheet that a line can reach. */
  function around(from, to) {
    const reach = PEN / 2 + 1;
    const first = (a, b) => lenet.clamp(Math.floor(Math.min(a, b) - reach), 0, SIDE);
    const end = (a, b) => lenet.clamp(Math.ceil(Math.max(a, b) + reach), 0, SIDE);
    const [left, top] = [first(from.x, to.x), first(from.y, to.y)];
    return { left, top, width: end(from.x, to.x) - left, height: end(from.y, to.y) - top };
  }

  Object.assign(lenet, { PLACES, SIDE, Sheet, snap });
})();
