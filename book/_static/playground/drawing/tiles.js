/* Small pictures of numbers: a canvas with one pixel for each, enlarged by the style sheet. */
(function () {
  "use strict";
  const lenet = (window.lenet = window.lenet || {});

  /* Make an element. Attributes whose names begin with "on" are listeners; undefined ones are
     left out; children are elements or text. */
  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else if (value !== undefined) made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  }

  /* A canvas of `width` x `height` pixels; what it shows is told elsewhere, in words. */
  function tile(width, height, name = "") {
    return element("canvas", { class: `lenet-tile ${name}`, width, height, "aria-hidden": "true" });
  }

  /* Colours as 32-bit numbers, for each of 256 levels; the bytes are in the canvas's order. */
  function palette(colorOf) {
    const bytes = new Uint8ClampedArray(4 * 256);
    for (let level = 0; level < 256; level++) bytes.set([...colorOf(level), 255], 4 * level);
    return new Uint32Array(bytes.buffer);
  }

  // By the Web Content Accessibility Guidelines: each colour's share of the light, and the light on
  // which black and white stand out alike.
  const LIGHT = [0.2126, 0.7152, 0.0722];
  const AS_DARK_AS_LIGHT = 0.179;

  const inkColors = palette((level) => [255 - level, 255 - level, 255 - level]);
  let [signedBytes, signedColors] = [null, null]; // made at first use: the colours are read later

  /* Paint numbers from `low` (paper) to `high` (full ink). */
  function paintInk(canvas, values, low, high) {
    paint(canvas, values, low, high, inkColors);
  }

  /* Paint numbers from -limit (blue) through 0 (white) to limit (red), as the figures do. */
  function paintSigned(canvas, values, limit) {
    signedColors ??= palette((level) => rgbOf(level));
    paint(canvas, values, -limit, limit, signedColors);
  }

  function rgbOf(level) {
    signedBytes ??= lenet.bytes(lenet.signed);
    return signedBytes.subarray(3 * level, 3 * level + 3);
  }

  /* The colour that a number is painted in, as CSS has it, and whether that wants white letters. */
  function signedColor(value, limit) {
    const rgb = rgbOf(Math.round(lenet.clamp((value / limit + 1) * 127.5, 0, 255)));
    const light = LIGHT.reduce((sum, share, i) => sum + share * (rgb[i] / 255) ** 2.2, 0);
    return { color: `rgb(${rgb.join(" ")})`, isDark: light < AS_DARK_AS_LIGHT };
  }

  function paint(canvas, values, low, high, colors) {
    const { context, image, pixels } = pixelsOf(canvas);
    const scale = 255 / (high - low);
    for (let i = 0; i < pixels.length; i++) {
      pixels[i] = colors[Math.round(lenet.clamp((values[i] - low) * scale, 0, 255))];
    }
    context.putImageData(image, 0, 0);
  }

  /* Paint a picture of colours, {width, height, bands, values}. */
  function paintColours(canvas, { width, height, bands, values }) {
    resize(canvas, width, height);
    const { context, image } = pixelsOf(canvas);
    for (let i = 0; i < width * height; i++) {
      for (let band = 0; band < 3; band++) {
        image.data[4 * i + band] = values[bands * i + (bands === 3 ? band : 0)];
      }
      image.data[4 * i + 3] = 255;
    }
    context.putImageData(image, 0, 0);
  }

  /* Draw all of a canvas in the middle of another. Returns the box it fills there. */
  function drawWhole(to, from) {
    const scale = Math.min(to.width / from.width, to.height / from.height);
    const [width, height] = [from.width * scale, from.height * scale];
    const box = { left: (to.width - width) / 2, top: (to.height - height) / 2, width, height };
    const context = to.getContext("2d");
    context.clearRect(0, 0, to.width, to.height);
    context.drawImage(from, box.left, box.top, width, height);
    return box;
  }

  const held = new WeakMap(); // what a tile is painted with, as long as it keeps its size

  function pixelsOf(canvas) {
    const { width, height } = canvas;
    const before = held.get(canvas);
    if (before?.image.width === width && before.image.height === height) return before;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    const image = context.createImageData(width, height);
    const made = { context, image, pixels: new Uint32Array(image.data.buffer) };
    held.set(canvas, made);
    return made;
  }

  /* Give a tile other pixels; to set the same size again would cost a new layout of the page. */
  function resize(canvas, width, height) {
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
  }

  /* Write a text, unless it stands there already: for the same reason. To change the node of the
     text takes half as long as to put another in its place. */
  function write(place, text) {
    if (!place.firstChild) place.textContent = text;
    else if (place.firstChild.data !== text) place.firstChild.data = text;
  }

  function wipe(canvas) {
    canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
  }

  /* A frame over a tile, around some of its pixels. */
  function frameOver(canvas, name = "") {
    const frame = element("span", { class: `lenet-frame ${name}`, "aria-hidden": "true" });
    const holder = element("span", { class: "lenet-framed" }, canvas, frame);
    const percent = (pixels, of) => `${(100 * pixels) / of}%`;
    const show = (box) => {
      frame.hidden = box === null;
      if (box === null) return;
      frame.style.left = percent(box.left, canvas.width);
      frame.style.top = percent(box.top, canvas.height);
      frame.style.width = percent(box.width, canvas.width);
      frame.style.height = percent(box.height, canvas.height);
    };
    show(null);
    return { holder, show };
  }

  /* Which pixel of a tile is under the pointer. */
  function pixelAt(canvas, event) {
    const box = canvas.getBoundingClientRect();
    const place = (from, length, pixels) =>
      lenet.clamp(Math.floor((from / length) * pixels), 0, pixels - 1);
    return {
      row: place(event.clientY - box.top, box.height, canvas.height),
      column: place(event.clientX - box.left, box.width, canvas.width),
    };
  }

  /* A number with a true minus sign, not a hyphen, and none before a zero. */
  function number(value, decimals) {
    const text = value.toFixed(decimals);
    return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
  }

  Object.assign(lenet, {
    drawWhole,
    element,
    frameOver,
    number,
    paintColours,
    paintInk,
    paintSigned,
    pixelAt,
    resize,
    signedColor,
    tile,
    wipe,
    write,
  });
})();
