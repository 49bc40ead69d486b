/* LeNet-5 learning, one image at a time, as in 1998: stochastic diagonal Levenberg-Marquardt.

   The same steps as `fit(batch_size=1, shuffle="once", optimizer=SDLM(...))` in lenet_utils takes:
   LeCun et al. 1998, preprint pp. 9-11 and 41-42. Nothing in it differs from browser to browser. */
(function part() {
  "use strict";
  const { lenet } = self;
  lenet.remember(part);

  const FIELD = 28;
  const CURVATURE_DIGITS = 500; // preprint p. 42

  class Learner {
    /* `settings` as for lenet.Trainer, which says what they are. */
    constructor(settings) {
      const { network, digits, optimizer = "sdlm", seed = 0, weights, order } = settings;
      if (!["sdlm", "plain"].includes(optimizer)) {
        throw new Error(`optimizer must be sdlm or plain, got ${optimizer}`);
      }
      const defaults = { mu: 0.02, rates: [0.0001], again: null, every: 500 };
      const criterion = { equation: 9, j: 1 };
      Object.assign(this, { ...defaults, criterion, ...settings, optimizer });
      this.network = lenet.newNetwork(network);
      this.plan = lenet.planOf(this.network, true);
      if (weights) lenet.setWeights(this.network, weights);
      this.order = order ?? lenet.shuffled(digits.labels.length, seed);
      this.slopes = new Float64Array(this.plan.penalties.length);
      this.image = new Float32Array(this.network.size ** 2);
      Object.assign(this, {
        seen: 0,
        diverged: false,
        watching: false,
        watched: null,
        stale: true,
      });
      this.busy = this.judged ? "judging" : null;
      this.forget();
      this.work = this.working();
    }

    /* Begin to collect losses and judgements anew. */
    forget() {
      Object.assign(this, { losses: [], wrong: [], judgements: [] });
    }

    get pass() {
      return Math.floor(this.seen / this.order.length);
    }

    get rate() {
      return this.rates[Math.min(this.pass, this.rates.length - 1)];
    }

    /* Go on with other weights. */
    load(weights) {
      lenet.setWeights(this.network, weights);
      Object.assign(this, { stale: true, diverged: false });
      this.work = this.working();
    }

    /* Does what there is to do, for ever: each turn one image learned, judged, or measured. */
    *working() {
      while (true) {
        if (this.busy === "judging") yield* this.judging();
        const isBegun = this.seen % this.order.length === 0 || this.seen === this.again;
        if (this.stale || isBegun) yield* this.beginning();
        this.step();
        const due = this.judged && this.seen % this.every === 0;
        if (due) this.busy = "judging";
        yield;
      }
    }

    // --- One image -----------------------------------------------------------------------------

    /* Go up with an image of `digits`; return its loss, and leave its derivatives in `slopes`. */
    forward({ pixels, labels }, index) {
      const area = FIELD * FIELD;
      const margin = (this.network.size - FIELD) / 2;
      this.image.fill(shades()[0]);
      for (let row = 0; row < FIELD; row++) {
        const to = (row + margin) * this.network.size + margin;
        const from = index * area + row * FIELD;
        for (let i = 0; i < FIELD; i++) this.image[to + i] = shades()[pixels[from + i]];
      }
      lenet.forward(this.plan, this.image);
      return lose(this.plan.penalties, labels[index], this.criterion, this.slopes);
    }

    isWrong({ labels }, index) {
      const { penalties } = this.plan;
      return penalties.indexOf(Math.min(...penalties)) !== labels[index];
    }

    step() {
      const index = this.order[this.seen % this.order.length];
      const loss = this.forward(this.digits, index);
      this.losses.push(loss);
      this.wrong.push(this.isWrong(this.digits, index));
      if (this.watching) this.watch(index, loss);
      else lenet.backward(this.plan, this.slopes);
      this.seen++;
      this.diverged = !(loss < Infinity);
    }

    /* A step of which everything is kept. */
    watch(index, loss) {
      const { plan, network, seen, rate } = this;
      const outputs = plan.rows.map((row) => lenet.seen(plan, row));
      const before = lenet.weightsOf(network);
      const deltas = [];
      lenet.backward(plan, this.slopes, {
        look(row) {
          deltas.unshift(lenet.seen(plan, row, plan.gradients));
        },
      });
      deltas.at(-1).values.set(this.slopes); // of the penalties themselves
      const weights = lenet.weightsOf(network);
      const steps = before.map((weight, i) => weight - weights[i]);
      const start = plan.begin + plan.rates;
      const rates = plan.engine.floats.slice(start, start + plan.learned);
      const input = { maps: 1, side: network.size, values: this.image.slice() };
      const label = this.digits.labels[index];
      const told = {
        seen,
        index,
        label,
        loss,
        rate,
        input,
        outputs,
        deltas,
        steps,
        rates,
        weights,
      };
      Object.assign(this, { watching: false, watched: told });
    }

    // --- Around a pass ---------------------------------------------------------------------------

    /* Set the rates of all weights: of SDLM by the curvature (eq. 21), else one for all. */
    *beginning() {
      const { plan, rate, mu } = this;
      const { floats, kernels } = plan.engine;
      if (this.optimizer === "plain") {
        kernels.fill(plan.begin + plan.rates, plan.learned, rate);
      } else {
        yield* this.estimating();
        const [rates, curvature] = [plan.begin + plan.rates, plan.begin + plan.curvature];
        for (let i = 0; i < plan.learned; i++) {
          floats[rates + i] = rate / (mu + floats[curvature + i]);
        }
      }
      this.stale = false;
    }

    /* Average the second derivatives over the first images of the order: Appendix C. */
    *estimating() {
      const { plan, digits } = this;
      const { kernels } = plan.engine;
      const few = this.order.subarray(0, CURVATURE_DIGITS);
      const all = plan.rates; // weights, with those that do not learn
      this.busy = "curvature";
      kernels.square(plan.begin + plan.squared, plan.begin, all);
      kernels.fill(plan.begin + plan.curvature, all, 0);
      kernels.fill(plan.begin + plan.rates, all, -1 / few.length); // added up, and not taken away
      for (const index of few) {
        this.forward(digits, index);
        kernels.square(plan.squares, 0, plan.gradients);
        lenet.backward(plan, this.slopes, { learned: plan.curvature, second: true });
        yield;
      }
      this.busy = null;
    }

    /* Count the errors among the images to judge by. */
    *judging() {
      const { judged, seen } = this;
      const of = judged.labels.length;
      let [errors, loss] = [0, 0];
      for (let index = 0; index < of; index++) {
        loss += this.forward(judged, index) / of;
        if (this.isWrong(judged, index)) errors++;
        if (index < of - 1) yield;
      }
      this.judgements.push({ seen, errors, of, loss });
      this.busy = null;
      yield;
    }
  }

  // --- The loss ----------------------------------------------------------------------------------

  /* An image's loss by its penalties; `slopes` gets its derivatives by these. Eq. 8 or eq. 9. */
  function lose(penalties, label, { equation, j }, slopes) {
    if (equation === 8) {
      slopes.fill(0);
      slopes[label] = 1;
      return penalties[label];
    }
    const least = Math.min(j, ...penalties);
    let sum = exponential(least - j);
    penalties.forEach((penalty, i) => {
      slopes[i] = exponential(least - penalty);
      sum += slopes[i];
    });
    slopes.forEach((share, i) => {
      slopes[i] = (i === label ? 1 : 0) - share / sum;
    });
    return penalties[label] - least + Math.log(sum); // shown, and never learned from
  }

  const TERMS = 16; // of the series, of which more change nothing
  const NOTHING = -700;

  /* exp(x) for x <= 0, in its whole precision; Math.exp may differ from browser to browser. */
  function exponential(x) {
    if (x < NOTHING) return 0;
    let halvings = 0;
    for (; x < -1; x /= 2) halvings++;
    let e = 1;
    for (let term = TERMS; term > 0; term--) e = 1 + (x / term) * e;
    for (; halvings > 0; halvings--) e *= e;
    return e;
  }

  let values; // of the 256 bytes

  /* What a network gets for each byte of ink: the numbers of preparation.js. */
  function shades() {
    if (values) return values;
    const [step, paper] = [(lenet.INK - lenet.BACKGROUND) / 255, Math.fround(lenet.BACKGROUND)];
    values = Float32Array.from(
      { length: 256 },
      (_, ink) => Math.fround(ink * Math.fround(step)) + paper,
    );
    return values;
  }

  Object.assign(lenet, { Learner });
})();
