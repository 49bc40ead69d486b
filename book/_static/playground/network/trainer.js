/* A training in a worker, so that the page stays free. */
(function () {
  "use strict";
  const { lenet } = self;

  /* Runs in the worker. */
  function listen() {
    new self.lenet.Listener();
  }

  /* A training of a new LeNet-5, of which `report` is told.

     `settings`: the `network`, as for lenet.newNetwork; `criterion`, {equation: 8} or {equation: 9, j};
     `optimizer`, "sdlm" or "plain"; `mu`; after how many images the curvature is measured `again`, as
     it is before each pass; `rates`, the global rate of each pass, the last for all later ones;
     `digits` to learn from and, perhaps, `judged`, {pixels, labels}, MNIST's bytes; how many images
     lie between two judgements, `every`; the `seed` of the order, or the `order` itself; and the
     `weights` to begin with, in place of new ones. */
  class Trainer {
    constructor({ report, ...settings }) {
      this.worker = lenet.startWorker(listen);
      this.worker.onmessage = ({ data }) => report(data);
      this.worker.onerror = ({ message }) => report({ kind: "failed", message });
      const { published, codes, BACKGROUND, INK } = lenet;
      const compiledKernels = lenet.engineKind() === "JavaScript" ? "" : lenet.compiledKernels;
      this.send("start", {
        settings,
        shared: { published, codes, BACKGROUND, INK, compiledKernels },
      });
    }

    send(command, what = {}) {
      this.worker.postMessage({ command, ...what });
    }

    /* Learn from so many more images; or go on until it is paused. */
    run(count = Infinity) {
      this.send("run", { count });
    }

    pause() {
      this.send("pause");
    }

    /* Learn from one image, and report all that happens. */
    watch() {
      this.send("watch");
    }

    /* Go on with other weights, all in one row. */
    load(weights) {
      this.send("load", { weights });
    }

    close() {
      this.worker.terminate();
    }
  }

  Object.assign(lenet, { Trainer });
})();
