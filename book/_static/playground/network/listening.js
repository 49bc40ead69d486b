/* What listens in the worker: it learns for a while, looks what the page has said, and goes on. */
(function part() {
  "use strict";
  const { lenet } = self;
  lenet.remember(part);

  const SLICE = 20; // milliseconds of learning between two looks at the messages
  const BETWEEN = 100; // milliseconds between two reports while it runs

  /* Does what a lenet.Trainer says, and reports to it. */
  class Listener {
    constructor() {
      Object.assign(this, { learner: null, until: 0, reported: -Infinity, waking: false });
      this.turn = new MessageChannel(); // setTimeout would wait for 4 ms each time
      this.turn.port1.onmessage = () => this.guarded(() => this.slice());
      self.onmessage = ({ data: { command, ...what } }) => {
        this.guarded(() => {
          this[command](what);
          this.wake();
        });
      };
    }

    // --- Commands: `until` is how many images it is to have seen -----------------------------------

    start({ shared, settings }) {
      Object.assign(lenet, shared);
      this.learner = new lenet.Learner(settings);
    }

    run({ count }) {
      this.until = this.learner.seen + count;
    }

    pause() {
      this.until = this.learner.seen;
    }

    watch() {
      this.learner.watching = true;
      this.until = this.learner.seen + 1;
    }

    load({ weights }) {
      this.learner.load(weights);
    }

    // --- Work --------------------------------------------------------------------------------------

    get isRunning() {
      const { diverged, seen, busy } = this.learner;
      return !diverged && (seen < this.until || busy === "judging");
    }

    wake() {
      if (!this.waking) this.turn.port2.postMessage(null);
      this.waking = true;
    }

    slice() {
      this.waking = false;
      const begun = performance.now();
      while (this.isRunning && performance.now() < begun + SLICE) {
        this.learner.work.next();
        if (this.learner.watched) this.tellWatched();
      }
      if (this.isRunning) this.wake();
      if (!this.isRunning || performance.now() > this.reported + BETWEEN) this.report();
    }

    tellWatched() {
      postMessage({ kind: "watched", ...this.learner.watched });
      this.learner.watched = null;
    }

    report() {
      const { seen, pass, rate, diverged, busy, judgements, network } = this.learner;
      const losses = Float64Array.from(this.learner.losses);
      const wrong = Uint8Array.from(this.learner.wrong);
      const weights = lenet.weightsOf(network);
      const state = {
        seen,
        pass,
        rate,
        diverged,
        busy,
        judged: judgements,
        running: this.isRunning,
      };
      const buffers = [losses.buffer, wrong.buffer, weights.buffer];
      postMessage({ kind: "progress", ...state, losses, wrong, weights }, buffers);
      this.learner.forget();
      this.reported = performance.now();
    }

    guarded(work) {
      try {
        work();
      } catch (error) {
        postMessage({ kind: "failed", message: error.message });
      }
    }
  }

  Object.assign(lenet, { Listener });
})();
