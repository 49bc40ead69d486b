/* Curves that grow while a network learns: over the images seen, one line for each training. */
(function () {
  "use strict";
  const lenet = (window.lenet = window.lenet || {});

  const [WIDTH, HEIGHT] = [340, 190];
  const EDGE = { left: 38, right: 12, top: 12, bottom: 34 };
  const FIRST_SPAN = 1000; // images: what the axis shows at first
  const MOST = 400; // points of a line: of more, nobody could see

  function drawn(tag, attributes, text = "") {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.textContent = text;
    return made;
  }

  class Curve {
    /* `ticks` are the values named on the upright axis; with `isLog` equal steps are equal ratios,
       and without the axis grows with what it shows. */
    constructor(title, ticks, isLog) {
      Object.assign(this, { title, ticks, isLog });
      this.picture = drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
      this.frame = drawn("g", { class: "lenet-axes" });
      this.lines = drawn("g", {});
      this.picture.append(this.frame, this.lines);
      const caption = lenet.element("figcaption", {}, title);
      this.root = lenet.element("figure", { class: "lenet-curve" }, caption, this.picture);
      this.say("nothing yet");
      this.update([]);
    }

    /* What a screen reader is told about the picture. */
    say(text) {
      this.picture.setAttribute("aria-label", `${this.title}: ${text}`);
    }

    /* Draw lines of points {x, y}, x being images seen, of which there have been `seen`. */
    update(lines, seen = 0) {
      const points = lines.flat();
      const span = niceAbove(Math.max(FIRST_SPAN, seen));
      const ticks = this.isLog ? this.ticks : linearTicks(Math.max(0, ...points.map(({ y }) => y)));
      const across = (x) => EDGE.left + (x / span) * (WIDTH - EDGE.left - EDGE.right);
      const height = this.heightOf(ticks);
      this.drawAxes(span, ticks, across, height);
      this.lines.replaceChildren(
        ...lines.map((line, i) => {
          const places = thinned(line).map(({ x, y }) => `${across(x).toFixed(1)},${height(y)}`);
          return drawn("polyline", { class: `lenet-line is-${"ab"[i]}`, points: places.join(" ") });
        }),
      );
    }

    heightOf(ticks) {
      const measure = this.isLog ? (y) => Math.log(y) : (y) => y;
      const [low, high] = [measure(ticks[0]), measure(ticks.at(-1))];
      const room = HEIGHT - EDGE.top - EDGE.bottom;
      return (y) => {
        const share = lenet.clamp((measure(y) - low) / (high - low), 0, 1) || 0;
        return (HEIGHT - EDGE.bottom - share * room).toFixed(1);
      };
    }

    drawAxes(span, ticks, across, height) {
      const key = `${span} ${ticks}`;
      if (this.axes === key) return;
      this.axes = key;
      const [left, right] = [EDGE.left, WIDTH - EDGE.right];
      const levels = ticks.flatMap((y) => [
        drawn("line", { x1: left, x2: right, y1: height(y), y2: height(y) }),
        drawn("text", { x: left - 6, y: height(y), dy: "0.35em", "text-anchor": "end" }, `${y}`),
      ]);
      const images = [0, span / 2, span].map((x) =>
        drawn(
          "text",
          { x: across(x), y: HEIGHT - 18, "text-anchor": x === span ? "end" : "middle" },
          x.toLocaleString("en"),
        ),
      );
      const name = { x: (left + right) / 2, y: HEIGHT - 3, "text-anchor": "middle" };
      this.frame.replaceChildren(...levels, ...images, drawn("text", name, "images seen"));
    }
  }

  /* The smallest of 1, 2, 4, 10, 20, 40, ... thousand that is not below `value`. */
  function niceAbove(value) {
    const power = 10 ** Math.floor(Math.log10(value));
    return [1, 2, 4, 10].map((factor) => factor * power).find((nice) => nice >= value);
  }

  function linearTicks(most) {
    const top = niceAbove(Math.max(most, 1));
    return [0, top / 4, top / 2, (3 * top) / 4, top];
  }

  /* Of a long line every second point, or every fourth; its last stays. */
  function thinned(line) {
    const step = 2 ** Math.max(0, Math.ceil(Math.log2(line.length / MOST)));
    return line.filter((_, i) => i % step === 0 || i === line.length - 1);
  }

  Object.assign(lenet, { Curve });
})();
