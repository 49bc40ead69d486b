/* What a network answers: the digit, F6's drawing beside the code it comes nearest to, and a sentence. */
(function () {
  "use strict";
  const lenet = (window.lenet = window.lenet || {});
  const { element } = lenet;

  const REFUSED = {
    blank: "There is no digit in the picture: it is blank, or too faint to tell ink from paper.",
    lines: "There is no digit in the picture: only lines across it.",
    specks: "There is no digit in the picture: only specks. Cut it to the digit.",
  };
  const RUBBISH = 1; // its penalty: not given in the paper, and the same as in Python
  const SEVERAL = "In doubt: there are parts side by side. Two digits? It reads one at a time.";
  const SETTLED = 400; // milliseconds without a change before a screen reader is told

  class AnswerView {
    /* `blank` is what it says to a blank paper; `drawer`, who draws; `withScores`, whether it names
       the scores. */
    constructor(blank, drawer, withScores) {
      this.blank = blank;
      this.withScores = withScores;
      this.digit = element("span", { class: "lenet-digit", "aria-hidden": "true" });
      this.status = element("p", { class: "lenet-status", role: "status" });
      this.drawn = lenet.tile(lenet.bitmap.columns, lenet.bitmap.rows, "lenet-code");
      this.code = lenet.tile(lenet.bitmap.columns, lenet.bitmap.rows, "lenet-code");
      this.codeName = element("span");
      this.pair = element("div", { class: "lenet-pair" });
      this.pair.append(
        element("figure", {}, this.drawn, element("figcaption", {}, `${drawer} draws`)),
        element("figure", {}, this.code, element("figcaption", {}, this.codeName)),
      );
      const verdict = element("div", { class: "lenet-verdict" }, this.digit, this.pair);
      this.root = element("div", { class: "lenet-answer" }, verdict, this.status);
    }

    /* Take the network that is to answer; only one with codes draws. */
    take(network) {
      this.network = network;
      this.pair.hidden = !lenet.hasPenalties(network);
    }

    /* Show the answer; `outputs` is null for a blank page, to which there is none. `label` is what
       MNIST calls a digit of its own, and `prepared` what was found in a drawing or a picture. */
    update(outputs, label, prepared = null) {
      this.root.classList.toggle("is-blank", outputs === null);
      if (outputs === null) {
        this.root.classList.remove("is-doubtful");
        this.digit.textContent = "?";
        return this.announce(REFUSED[prepared?.refused] ?? this.blank);
      }
      const scores = outputs.at(-1).values;
      const ranking = lenet.ranking(this.network, scores);
      lenet.write(this.digit, `${ranking[0]}`);
      if (lenet.hasPenalties(this.network)) {
        lenet.paintInk(this.drawn, outputs.at(-2).values, -1, 1);
        lenet.paintInk(this.code, codeOf(this.network, ranking[0]), -1, 1);
        lenet.write(this.codeName, `code of ${ranking[0]}`);
      }
      const isMisread = label !== undefined && label !== ranking[0];
      const truth = isMisread ? ` MNIST’s label is ${label}.` : "";
      const doubt = doubtOf(this.network, scores[ranking[0]], prepared);
      this.root.classList.toggle("is-doubtful", doubt !== null);
      if (!this.withScores) return this.announce(this.short(ranking, doubt));
      const why = doubt ? ` ${this.why(doubt)}` : "";
      return this.announce(this.sentence(scores, ranking) + truth + why);
    }

    /* One line of text, which has no room for numbers. */
    short([first, second], doubt) {
      const reads = `${this.network.title} reads a ${first}`;
      if (doubt === "several") return `${reads}, in doubt: two digits? It reads one at a time.`;
      if (doubt === "far") {
        return `${reads}, in doubt: what it draws is near no code; that of ${first} is the nearest.`;
      }
      return `${reads}: what it draws is nearest to the code of ${first}. The runner-up is ${second}.`;
    }

    why(doubt) {
      if (doubt === "several") return SEVERAL;
      const most = lenet.number(this.network.limit, 1);
      return `In doubt: 99 % of the validation digits that it reads right have a penalty of at most ${most}.`;
    }

    sentence(scores, [first, second]) {
      const { title } = this.network;
      const hasPenalties = lenet.hasPenalties(this.network);
      const [best, next] = [scores[first], scores[second]].map((score) =>
        lenet.number(score, hasPenalties ? 1 : 2),
      );
      const belief = lenet.number(probability(scores, first), 2);
      const told = hasPenalties ? `penalty ${best}, probability ${belief}` : `output ${best}`;
      return `${title} reads a ${first} (${told}); the runner-up is ${second} (${next}).`;
    }

    /* Say it once the drawing has come to rest: a screen reader would not keep up with a stroke. */
    announce(sentence) {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => {
        if (this.status.textContent !== sentence) this.status.textContent = sentence;
      }, SETTLED);
    }
  }

  /* How probable a digit is by eq. 9, whose eleventh class, rubbish, has a constant penalty. */
  function probability(penalties, digit) {
    const all = [RUBBISH, ...penalties].reduce((sum, penalty) => sum + Math.exp(-penalty), 0);
    return Math.exp(-penalties[digit]) / all;
  }

  /* Why an answer is in doubt: there may be "several" digits, or what is drawn is "far" from all codes;
     null where it is not, or where the network does not say which penalties are usual. */
  function doubtOf({ limit }, penalty, prepared) {
    if (prepared?.several) return "several";
    return penalty > (limit ?? Infinity) ? "far" : null;
  }

  /* What F6 of a network with codes should draw for a digit. */
  function codeOf(network, digit) {
    const { codes } = network.layers.at(-1);
    const size = codes.length / lenet.codes.length;
    return codes.subarray(digit * size, (digit + 1) * size);
  }

  Object.assign(lenet, { AnswerView, codeOf });
})();
