/* Strokes of a pen that is wide for its digit are made narrower, as those of MNIST are.

   The same as lenet_utils/data/strokes.py, which tells how; the constants are its own. */
(function part() {
  "use strict";
  const { lenet } = self;
  lenet.remember(part);

  const SIDE = 80; // pixels: the digit's longer side, at which its strokes are measured
  const WIDE = 0.16; // widths, of the longer side, from which on a stroke is too wide...
  const USUAL = 0.13; // ...and those of MNIST at the median
  const ROUGH = 0.04; // of the ink: what may be narrower than the pen, such as a rough edge
  const DEEP = 0.35; // of the ink: less lies deep in narrower strokes, seen at 20 pixels; in wider, 0.43
  const FILLED = 1.4; // pen's radii: ink that is deeper was a loop, which the pen has filled

  /* Tell quickly, from a digit of 20 pixels, whether its strokes may be too wide. */
  function mayBeWide({ width, height, pixels }) {
    const depth = lenet.depths(maskOf(pixels, width, height));
    return share(depth, 0.35 * WIDE * Math.max(width, height)) > DEEP;
  }

  /* The ink of a digit that was cut out, as bytes; or, if its pen was wide, as a narrower one would have
     drawn it, the longer side being about 80 pixels. */
  function thinned(digit) {
    let radius = (WIDE * SIDE) / 2;
    const depth = lenet.depths(smallMask(digit));
    let tooWide = lenet.extent(depth.values)[1];
    if (tooWide === 0 || !goesThrough(radius, depth)) return digit; // faint: lines too fine for this
    while (tooWide - radius > 0.5) {
      const middle = (radius + tooWide) / 2;
      if (goesThrough(middle, depth)) radius = middle;
      else tooWide = middle;
    }
    const half = (USUAL * SIDE) / 2;
    const isLoop = loops(depth, radius, half);
    const values = depth.values.map((deep, i) => {
      const inside = isLoop[i] ? radius + half - deep : deep - (radius - half);
      return lenet.clamp(inside + 0.5, 0, 1);
    });
    return { width: depth.width, height: depth.height, values: lenet.inkBytes(values) };
  }

  /* Where there is ink, in 80 pixels and a margin of one. */
  function smallMask({ width, height, values }) {
    const factor = SIDE / Math.max(width, height);
    const [columns, rows] = [width, height].map((side) =>
      Math.max(1, lenet.roundHalfEven(side * factor)),
    );
    return maskOf(lenet.resizeBytes(values, width, height, columns, rows), columns, rows);
  }

  /* Where bytes are ink, with a margin of one. */
  function maskOf(bytes, columns, rows) {
    const mask = { width: columns + 2, height: rows + 2 };
    mask.values = new Uint8Array(mask.width * mask.height);
    bytes.forEach((value, i) => {
      const row = Math.floor(i / columns);
      mask.values[(row + 1) * mask.width + (i % columns) + 1] = value >= 128;
    });
    return mask;
  }

  /* How much of the ink is deeper than so many pixels. */
  function share({ values }, least) {
    let [ink, deeper] = [0, 0];
    for (const deep of values) {
      ink += deep > 0;
      deeper += deep > least;
    }
    return deeper / ink;
  }

  /* Whether a disc of this radius reaches nearly all of the ink from inside it. */
  function goesThrough(radius, { width, height, values }) {
    const isCentre = Uint8Array.from(values, (deep) => deep >= radius);
    const outside = { width, height, values: isCentre.map((centre) => 1 - centre) };
    const far = lenet.depths(outside).values;
    let [ink, reached] = [0, 0];
    values.forEach((deep, i) => {
      ink += deep > 0;
      reached += deep > 0 && far[i] < radius;
    });
    return reached >= (1 - ROUGH) * ink;
  }

  /* Where the ink is so deep that it fills a loop: all that is deeper than the pen goes, there. */
  function loops({ width, height, values }, radius, half) {
    const mask = { width, height, values: Uint8Array.from(values, (deep) => deep > radius + half) };
    const { labels, parts } = lenet.label(mask, false);
    const deepest = new Float64Array(parts.length + 1);
    labels.values.forEach((name, i) => (deepest[name] = Math.max(deepest[name], values[i])));
    return labels.values.map((name) => name > 0 && deepest[name] > FILLED * radius);
  }

  Object.assign(lenet, { mayBeWide, thinned });
})();
