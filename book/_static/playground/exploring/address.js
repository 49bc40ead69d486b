/* Network and drawing in the page's address, behind the "#": a link or a reload shows them again.

   #draw=lenet5&ink=BYTES, a drawing; #draw=lenet5&digit=61, an example; #draw=lenet5, neither. It is
   nobody's anchor, for no anchor has a "=". BYTES are the strokes in base64, with "-" and "_": of each
   how many points, then from point to point how far right and down, in quarters of a pixel. A number
   has seven bits in each byte, the lowest first; the eighth says that more come. */
(function () {
  "use strict";
  const lenet = (window.lenet = window.lenet || {});

  const START = "#draw=";
  const LONGEST = 6000; // letters of ink: programs that pass links on cut longer ones
  const SETTLED = 400; // milliseconds without a change before the address follows: browsers count
  const UNREADABLE = "The address of this page names a network or a drawing that cannot be read; it is left aside.";

  // --- Strokes as text -----------------------------------------------------------------------

  /* Each stroke is a row of points, {x, y}. */
  function encode(strokes) {
    const bytes = [];
    const put = (whole) => {
      for (; whole > 127; whole >>= 7) bytes.push((whole & 127) | 128);
      bytes.push(whole);
    };
    for (const points of strokes) {
      put(points.length);
      let last = { x: 0, y: 0 };
      for (const point of points) {
        for (const way of ["x", "y"]) put(folded((point[way] - last[way]) * lenet.PLACES));
        last = point;
      }
    }
    const text = btoa(String.fromCharCode(...bytes));
    return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  }

  /* 0, -1, 1, -2, 2 ... as 0, 1, 2, 3, 4 ... */
  function folded(whole) {
    return whole < 0 ? -2 * whole - 1 : 2 * whole;
  }

  function unfolded(whole) {
    return whole % 2 ? -(whole + 1) / 2 : whole / 2;
  }

  /* The strokes that a text holds; throws an Error where it holds none. */
  function decode(text) {
    if (text.length > LONGEST) throw new Error("too long");
    const bytes = lenet.bytes(text.replaceAll("-", "+").replaceAll("_", "/"));
    let next = 0;
    const take = () => {
      let [whole, bits] = [0, 0];
      for (let more = true; more; bits += 7) {
        if (next === bytes.length || bits > 21) throw new Error("cut off");
        whole |= (bytes[next] & 127) << bits;
        more = bytes[next++] > 127;
      }
      return whole;
    };
    const strokes = [];
    while (next < bytes.length) strokes.push(takePoints(take));
    return strokes;
  }

  function takePoints(take) {
    const points = [];
    let last = { x: 0, y: 0 };
    for (let left = take(); left > 0; left--) {
      const step = () => unfolded(take()) / lenet.PLACES;
      const point = { x: last.x + step(), y: last.y + step() };
      const { x, y } = lenet.snap(point);
      if (x !== point.x || y !== point.y) throw new Error("no place for a pen");
      points.push(point);
      last = point;
    }
    if (points.length === 0) throw new Error("an empty stroke");
    return points;
  }

  // --- The address ---------------------------------------------------------------------------

  /* What stands behind the "#" for a network and what is on the paper. */
  function fragment(key, { digit, strokes }) {
    if (digit !== undefined) return `${START}${key}&digit=${digit}`;
    const ink = strokes && encode(strokes);
    const fits = strokes && ink.length <= LONGEST;
    return `${START}${key}${fits ? `&ink=${ink}` : ""}`;
  }

  /* What an address says: {key, digit} or {key, strokes}; null where it says nothing of the kind.
     Throws an Error where it cannot be read. */
  function read(hash) {
    if (!hash.startsWith(START)) return null;
    const said = new URLSearchParams(hash.slice(1));
    const [key, digit, ink] = ["draw", "digit", "ink"].map((name) => said.get(name));
    if (!Object.hasOwn(lenet.titles, key)) throw new Error(`no network ${key}`);
    if (ink !== null) return { key, strokes: decode(ink) };
    if (digit !== null && !Object.hasOwn(lenet.digits, digit)) throw new Error(`no digit ${digit}`);
    return digit === null ? { key } : { key, digit: Number(digit) };
  }

  /* Keeps the address of the page to what a panel shows, and the panel to the address. */
  class Address {
    constructor(panel) {
      this.panel = panel;
      this.told = lenet.element("p", { class: "lenet-muted", role: "status", hidden: "" });
      window.addEventListener("hashchange", () => this.follow());
    }

    /* Show what the address says. */
    follow() {
      this.tell("");
      try {
        const said = read(location.hash);
        if (said) this.panel.show(said);
      } catch {
        this.tell(UNREADABLE);
      }
    }

    /* Note what the panel shows, once it has come to rest. */
    note() {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => {
        const { drawing, wanted } = this.panel;
        if (wanted !== null) this.become(fragment(wanted, drawing.content()));
        else if (location.hash.startsWith(START)) this.become(""); // the reader's own weights
        this.tell("");
      }, SETTLED);
    }

    become(hash) {
      if (location.hash === hash) return;
      const [page] = location.href.split("#"); // an empty address alone would leave the old one
      history.replaceState(history.state, "", `${page}${hash}`);
    }

    tell(sentence) {
      this.told.textContent = sentence;
      this.told.hidden = sentence === "";
    }
  }

  Object.assign(lenet, { Address });
})();
