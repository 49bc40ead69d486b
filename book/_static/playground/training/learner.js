/* One training: a network, the worker that teaches it, and what has been seen of it so far. */
(function () {
  "use strict";
  const lenet = (window.lenet = window.lenet || {});

  const JUDGED_EVERY = 500; // images
  const TOGETHER = 100; // images whose mean loss is one point of the curve
  const RECENT = 2000; // milliseconds over which the speed is taken

  class Learner {
    /* `changed` is called with this learner when its network, or what is known of it, changed;
       `watched`, with one image's way there and back. */
    constructor(name, changed, watched) {
      Object.assign(this, { name, changed, watched });
      this.forget();
    }

    /* Know nothing yet. */
    forget() {
      Object.assign(this, { trainer: null, seen: 0, rate: null, running: false });
      Object.assign(this, { diverged: false, busy: null, failed: null });
      Object.assign(this, { losses: [], errors: [], waiting: [], times: [] });
    }

    /* Begin anew, with what the reader `wishes`, or with weights of a file. */
    begin(wishes, network = lenet.newNetwork(lenet.networkChoices(wishes))) {
      this.trainer?.close();
      this.forget();
      Object.assign(this, { wishes, network });
      network.title = this.name ? `Network ${this.name}` : "The network";
      this.changed(this);
    }

    /* Learn from `count` images more. */
    run(digits, count) {
      this.teach(digits).run(count);
      this.running = true;
      this.times = [];
      this.changed(this);
    }

    pause() {
      this.trainer?.pause();
    }

    /* Learn from one image, and tell how. */
    watch(digits) {
      this.teach(digits).watch();
    }

    close() {
      this.trainer?.close();
      this.trainer = null;
    }

    teach(digits) {
      if (this.trainer) return this.trainer;
      const { order, ...learned } = lenet.altered(digits.train, lenet.digitChoices(this.wishes));
      this.learned = learned;
      const choices = lenet.trainerChoices(this.wishes);
      const codes = this.network.layers.at(-1).codes.slice(); // those of a file may be others
      const trainer = new lenet.Trainer({
        ...choices,
        network: { ...choices.network, codes },
        digits: learned,
        order,
        judged: digits.validation,
        every: JUDGED_EVERY,
        weights: lenet.weightsOf(this.network),
        report: (news) => this.trainer === trainer && this.hear(news), // not of one that was closed
      });
      this.trainer = trainer;
      return trainer;
    }

    hear(news) {
      if (news.kind === "failed") Object.assign(this, { failed: news.message, running: false });
      else if (news.kind === "watched") this.hearWatched(news);
      else this.hearProgress(news);
      this.changed(this);
    }

    hearProgress(news) {
      const { seen, rate, running, diverged, busy } = news;
      Object.assign(this, { seen, rate, running, diverged, busy });
      this.addLosses(news.losses);
      for (const { seen: x, errors, of, loss } of news.judged ?? []) {
        this.errors.push({ x, y: (100 * errors) / of, errors, of, loss });
      }
      this.times.push({ time: window.performance.now(), seen });
      while (this.times.at(-1).time - this.times[0].time > RECENT) this.times.shift();
      lenet.setWeights(this.network, news.weights);
    }

    /* A report of the progress follows: its loss is counted there. */
    hearWatched(news) {
      lenet.setWeights(this.network, news.weights);
      this.watched(this, news);
    }

    /* Each hundred images give a point of the curve, whenever the news of them come. */
    addLosses(losses) {
      this.waiting.push(...losses);
      while (this.waiting.length >= TOGETHER) {
        const some = this.waiting.splice(0, TOGETHER);
        const x = TOGETHER * (this.losses.length + 1);
        this.losses.push({ x, y: some.reduce((sum, loss) => sum + loss, 0) / TOGETHER });
      }
    }

    /* How often all digits it learns from have been seen. */
    passes() {
      return this.seen / this.learned.labels.length;
    }

    /* Images a second, lately; null where that is not known. */
    speed() {
      const [first, last] = [this.times[0], this.times.at(-1)];
      if (!this.running || this.times.length < 2 || last.time === first.time) return null;
      return (1000 * (last.seen - first.seen)) / (last.time - first.time);
    }

    /* The mean loss of the latest hundred images, and the latest error; undefined before. */
    latest() {
      return { loss: this.losses.at(-1), judged: this.errors.at(-1) };
    }
  }

  Object.assign(lenet, { Learner });
})();
