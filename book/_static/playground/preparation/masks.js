/* Masks, pictures of zeros and ones, as SciPy's ndimage treats them. */
(function part() {
  "use strict";
  const { lenet } = self;
  lenet.remember(part);

  /* Number the connected components of a mask from 1. Pixels that touch are connected, also those that
     touch at a corner, unless `atCorners` is false.

     Returns `labels`, 0 where the mask is 0; and `parts`, each {label, area, top, left, height,
     width}. */
  function label({ width, height, values }, atCorners = true) {
    const labels = new Int32Array(values.length);
    const parts = [];
    const waiting = [];
    for (let start = 0; start < values.length; start++) {
      if (!values[start] || labels[start]) continue;
      const name = parts.length + 1;
      let [area, top, left, bottom, right] = [0, height, width, -1, -1];
      labels[start] = name;
      waiting.push(start);
      while (waiting.length) {
        const place = waiting.pop();
        const row = Math.floor(place / width);
        const column = place - row * width;
        area++;
        top = Math.min(top, row);
        bottom = Math.max(bottom, row);
        left = Math.min(left, column);
        right = Math.max(right, column);
        for (let down = Math.max(row - 1, 0); down <= Math.min(row + 1, height - 1); down++) {
          const aside = atCorners || down === row ? 1 : 0;
          const last = down * width + Math.min(column + aside, width - 1);
          for (let next = down * width + Math.max(column - aside, 0); next <= last; next++) {
            if (!values[next] || labels[next]) continue;
            labels[next] = name;
            waiting.push(next);
          }
        }
      }
      parts.push({
        label: name,
        area,
        top,
        left,
        height: bottom - top + 1,
        width: right - left + 1,
      });
    }
    return { labels: { width, height, values: labels }, parts };
  }

  function count({ values }) {
    let total = 0;
    for (const value of values) total += value;
    return total;
  }

  /* A mask with all that one cannot reach from the border without crossing it. */
  function fillHoles({ width, height, values }) {
    const filled = new Uint8Array(values.length).fill(1);
    const waiting = [];
    const reach = (place) => {
      if (values[place] || !filled[place]) return;
      filled[place] = 0;
      waiting.push(place);
    };
    for (let column = 0; column < width; column++) {
      reach(column);
      reach((height - 1) * width + column);
    }
    for (let row = 0; row < height; row++) {
      reach(row * width);
      reach(row * width + width - 1);
    }
    while (waiting.length) {
      const place = waiting.pop();
      const column = place % width;
      if (column > 0) reach(place - 1);
      if (column < width - 1) reach(place + 1);
      if (place >= width) reach(place - width);
      if (place < values.length - width) reach(place + width);
    }
    return { width, height, values: filled };
  }

  /* A mask without the pixels at its edge; what is beyond the border is not in it. */
  function eroded({ width, height, values }) {
    const result = new Uint8Array(values.length);
    for (let row = 1; row < height - 1; row++) {
      for (let place = row * width + 1; place < (row + 1) * width - 1; place++) {
        const across = values[place - 1] && values[place] && values[place + 1];
        result[place] = across && values[place - width] && values[place + width];
      }
    }
    return { width, height, values: result };
  }

  /* How far each pixel of a mask is from the nearest one that is not in it: first along the columns,
     then, of all columns, the least of that and the way to it. Beyond the border there is nothing. */
  function depths({ width, height, values }) {
    const down = new Float64Array(values.length);
    for (let i = 0; i < values.length; i++) {
      down[i] = values[i] ? (i < width ? Infinity : down[i - width] + 1) : 0;
    }
    for (let i = values.length - 1 - width; i >= 0; i--) {
      down[i] = Math.min(down[i], down[i + width] + 1);
    }
    const result = new Float64Array(values.length);
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        let least = down[row * width + column] ** 2;
        for (let way = 1; way ** 2 < least && way < width; way++) {
          const left = column >= way ? down[row * width + column - way] : Infinity;
          const right = column + way < width ? down[row * width + column + way] : Infinity;
          least = Math.min(least, way ** 2 + Math.min(left, right) ** 2);
        }
        result[row * width + column] = Math.sqrt(least);
      }
    }
    return { width, height, values: result };
  }

  Object.assign(lenet, { count, depths, eroded, fillHoles, label });
})();
