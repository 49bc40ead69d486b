/* Connected components of ink: which of them can be a digit, and which are a sheet of paper.

   The same as lenet_utils/data/components.py, whose constants these are. */
(function script() {
  "use strict";
  const { lenet } = self;
  lenet.remember(script);

  const SMALL_SIDE = 120; // pixels: at this size paper is looked at
  const SPECK_AREA = 0.008; // of the largest component's: what is no part of a digit...
  const SPECK_AREA_IN_PHOTO = 0.03;
  const SPECK_SIDE = 0.05; // ...nor is what is shorter than this share of its side
  const SMALLEST = 0.01; // of the picture's longer side: what is smaller is no digit in it
  const SHEET = 0.1; // of the longer side: the half-width of what is no stroke, but paper on a desk
  const TALL = 0.7; // of the tallest part: a digit beside another...
  const GAP = 0.1; // ...if this far apart, not a stroke of the same one
  const DIGIT = 0.15; // of the picture's shorter side: may be the digit if all else is at the border
  const WIDER = 1.5; // times: what is so much wider is not by the same pen
  const SMALL = 0.3; // of the digit's side: what is so small...
  const APART = 0.25; // ...and so far from it is no part of it
  const IN_HOLE = 0.3; // of the shorter side of what is around: more than the dot in some zeros
  const LEAST_FILLED = 0.85; // of a sheet, by the largest quadrilateral in it; of an ellipse, 0.64
  const LEAST_CONVEX = 0.93; // of the convex hull, by the sheet

  /* The components that can be a digit: no rules, frames, specks or edges of the paper.

     Throws lenet.NoDigit where there are only specks. `isPlain`: paper is of one exact colour. */
  function kept(parts, labels, isPlain) {
    if (parts.length === 1) return parts;
    const longer = Math.max(labels.width, labels.height);
    let possible = parts.filter((part) => !isPrinted(part, labels));
    possible = possible.filter((part) => !isAround(part, possible, labels));
    if (!possible.some((part) => sideOf(part) >= 0.02 * longer)) {
      if (parts.filter((part) => reachAcross([part], labels)).length > 1) {
        throw new lenet.NoDigit("lines");
      }
      possible = parts;
    }
    if (!isPlain) possible = inside(possible, labels);
    const largest = largestOf(possible);
    const side = sideOf(largest);
    if (side < SMALLEST * longer) throw new lenet.NoDigit("specks");
    const least = (isPlain ? SPECK_AREA : SPECK_AREA_IN_PHOTO) * largest.area;
    const isSpeck = (part) => part.area <= least || sideOf(part) <= SPECK_SIDE * side;
    const chosen = [largest];
    for (const part of [...possible].sort((a, b) => b.area - a.area)) {
      if (part === largest || isSpeck(part) || isApart(part, chosen, side)) continue;
      chosen.push(part);
    }
    return chosen;
  }

  function sideOf({ height, width }) {
    return Math.max(height, width);
  }

  /* Whether there are parts of about one height side by side, with a gap between them. */
  function areSeveral(parts) {
    const tallest = Math.max(...parts.map((part) => part.height));
    const digits = [];
    let end = -Infinity;
    for (const part of [...parts].sort((a, b) => a.left - b.left)) {
      if (part.left - end > GAP * tallest) digits.push([]); // pieces of a digit bridge its gaps
      digits.at(-1).push(part);
      end = Math.max(end, part.left + part.width);
    }
    const heights = digits.map(
      (pieces) =>
        Math.max(...pieces.map(({ top, height }) => top + height)) -
        Math.min(...pieces.map(({ top }) => top)),
    );
    return heights.filter((height) => height > TALL * Math.max(...heights)).length > 1;
  }

  /* Leave out what reaches the border, such as a desk or a finger, if a digit is left. A digit that
     fills the picture reaches from one side to the opposite one, or its pieces do, some of them larger
     than those inside, and by the same pen. */
  function inside(possible, labels) {
    const isAtBorder = (part) => atBorder(part, labels) && !reachAcross([part], labels);
    const inner = possible.filter((part) => !isAtBorder(part));
    const others = possible.filter(isAtBorder);
    const size = Math.max(0, ...inner.map(sideOf));
    const shorter = others.map(({ height, width }) => Math.min(height, width));
    const least = Math.max(
      DIGIT * Math.min(labels.width, labels.height),
      0.3 * Math.max(0, ...shorter),
    );
    if (others.length === 0 || size < least) return possible;
    const widths = widthsOf(labels);
    const pen = Math.max(...inner.map((part) => widths.get(part.label) ?? 0));
    const isPiece = (part) =>
      sideOf(part) > 2 * size && (widths.get(part.label) ?? 0) < WIDER * pen;
    return [...inner, ...others.filter(isPiece)];
  }

  /* Half of how wide each component is where it is widest, by its label. */
  function widthsOf(labels) {
    const step = stepOf(labels);
    const small = thin(labels, step, (name) => name);
    const mask = { ...small, values: Uint8Array.from(small.values, (name) => name > 0) };
    const widths = new Map();
    lenet.depths(mask).values.forEach((deep, i) => {
      const name = small.values[i];
      widths.set(name, Math.max(widths.get(name) ?? 0, deep * step));
    });
    return widths;
  }

  /* Whether any reaches across the picture, or is much too thick for a stroke. */
  function noStrokes(chosen, labels) {
    return reachAcross(chosen, labels) || isThick(labels, largestOf(chosen));
  }

  function largestOf(parts) {
    return parts.reduce((most, part) => (part.area > most.area ? part : most));
  }

  /* Whether a disc as wide as no stroke fits into a component. */
  function isThick(labels, { label, area }) {
    const radius = SHEET * Math.max(labels.width, labels.height);
    if (area < 3 * radius ** 2) return false; // quickly seen
    const step = stepOf(labels);
    const small = thin(labels, step, (name) => name === label);
    return lenet.extent(lenet.depths(small).values)[1] * step >= radius;
  }

  function stepOf({ width, height }) {
    return Math.max(1, Math.floor(Math.min(width, height) / SMALL_SIDE));
  }

  /* Whether any reaches from one side of the picture to the opposite one. */
  function reachAcross(parts, { width, height }) {
    return parts.some((part) => part.height === height || part.width === width);
  }

  function atBorder({ top, left, height, width }, picture) {
    const isAtEnd = top + height === picture.height || left + width === picture.width;
    return top === 0 || left === 0 || isAtEnd;
  }

  /* Tell something low and thin that lies away from a digit's pieces: a blot, a binder's hole. */
  function isApart(part, digit, side) {
    if (part.height >= 0.5 * side || Math.min(part.height, part.width) >= SMALL * side) {
      return false;
    }
    const gap = (piece, from, length) =>
      Math.max(part[from] - piece[from] - piece[length], piece[from] - part[from] - part[length]);
    return digit.every(
      (piece) =>
        Math.max(gap(piece, "top", "height"), gap(piece, "left", "width")) > APART * side,
    );
  }

  /* Tell the cell of a form, or a ring drawn around a digit: something large is in its hole. */
  function isAround(part, others, labels) {
    const { top, left, height, width } = part;
    const within = others.filter(
      (other) =>
        sideOf(other) >= IN_HOLE * Math.min(height, width) &&
        other.top > top &&
        other.top + other.height < top + height &&
        other.left > left &&
        other.left + other.width < left + width,
    );
    if (within.length === 0) return false;
    const names = new Int32Array(width * height);
    for (let row = 0; row < height; row++) {
      const from = (top + row) * labels.width + left;
      names.set(labels.values.subarray(from, from + width), row * width);
    }
    const mask = Uint8Array.from(names, (name) => name === part.label);
    const filled = lenet.fillHoles({ width, height, values: mask }).values;
    return within.some(({ label: name }) => names.every((one, i) => one !== name || filled[i]));
  }

  /* Tell what reaches along the border, or is a frame around the picture, or a line across. */
  function isPrinted(part, labels) {
    const { top, left, area } = part;
    const [bottom, right] = [top + part.height, left + part.width];
    const { width, height, values } = labels;
    const along = (first, step, length, side) => {
      let count = 0;
      for (let i = 0; i < length; i++) count += values[first + i * step] === part.label;
      return count > 0.6 * side;
    };
    const isAlong =
      (top === 0 && along(left, 1, part.width, width)) ||
      (bottom === height && along((height - 1) * width + left, 1, part.width, width)) ||
      (left === 0 && along(top * width, width, part.height, height)) ||
      (right === width && along(top * width + width - 1, width, part.height, height));
    const [isHigh, isWide] = [part.height > 0.7 * height, part.width > 0.7 * width];
    const isThin = Math.min(part.height, part.width) < 0.05 * Math.max(height, width);
    const isHollow = area < 0.15 * part.height * part.width;
    return isAlong || (isHigh && isWide && isHollow) || ((isHigh || isWide) && isThin);
  }

  // --- A sheet of paper on something else ----------------------------------------------------

  /* The pixels of a component that is much too thick for a stroke, without its edge; or null. */
  function sheetOf(labels, parts) {
    if (parts.length === 0) return null;
    const largest = largestOf(parts);
    if (largest.area < 0.15 * labels.values.length || !isThick(labels, largest)) return null;
    const isLargest = (name) => name === largest.label;
    if (!isQuadrilateral(lenet.fillHoles(thin(labels, stepOf(labels), isLargest)))) return null;
    let sheet = lenet.fillHoles(thin(labels, 1, isLargest, 0));
    for (let i = 0; i < 4; i++) sheet = lenet.eroded(sheet);
    return lenet.count(sheet) ? sheet : null;
  }

  /* What `of` makes of every `step`-th pixel's label; with a margin. */
  function thin(labels, step, of, margin = 1) {
    const [columns, rows] = [Math.ceil(labels.width / step), Math.ceil(labels.height / step)];
    const [width, height] = [columns + 2 * margin, rows + 2 * margin];
    const values = new Int32Array(width * height);
    for (let row = 0; row < rows; row++) {
      const from = row * step * labels.width;
      const to = (row + margin) * width + margin;
      for (let i = 0; i < columns; i++) values[to + i] = of(labels.values[from + i * step]);
    }
    return { width, height, values };
  }

  /* Whether a mask is convex, and has four corners: paper seen aslant has, a digit not. Its outermost
     pixels in directions by fives of degrees are the corners of its convex hull. */
  function isQuadrilateral(mask) {
    const { width, values } = mask;
    const inner = lenet.eroded(mask).values;
    const outline = [];
    for (let i = 0; i < values.length; i++) {
      if (values[i] && !inner[i]) outline.push([Math.floor(i / width), i % width]);
    }
    const corners = Array.from({ length: 72 }, (_, i) => outermost(outline, (i * Math.PI) / 36));
    const twice = (a, b, c) => (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
    let [quadrilateral, hull] = [0, 0];
    corners.forEach((a, i) => {
      if (i > 0) hull += twice(corners[0], corners[i - 1], a);
      for (const b of corners) {
        const [least, most] = lenet.extent(corners.map((c) => twice(a, b, c)));
        quadrilateral = Math.max(quadrilateral, most - least); // the largest triangles aside
      }
    });
    const area = 2 * lenet.count(mask);
    return quadrilateral > LEAST_FILLED * area && area > LEAST_CONVEX * hull;
  }

  function outermost(places, angle) {
    const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
    const far = ([row, column]) => row * cosine + column * sine;
    return places.reduce((most, place) => (far(place) > far(most) ? place : most));
  }

  Object.assign(lenet, { SMALL_SIDE, areSeveral, kept, noStrokes, sheetOf });
})();
