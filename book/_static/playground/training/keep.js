/* What becomes of a trained network: it is kept, judged, or another takes its place. */
(function () {
  "use strict";
  const lenet = (window.lenet = window.lenet || {});
  const { button, element } = lenet;

  const AT_ONCE = 20; // digits read before the page may do something else
  const PIXELS = 28 * 28;

  /* Hand the reader a file. */
  function download(bytes, name) {
    const address = URL.createObjectURL(new Blob([bytes], { type: "application/octet-stream" }));
    element("a", { href: address, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000); // some browsers read it late
  }

  /* Count the errors of a network on `digits`; the page stays usable meanwhile. Returns null if the
     network learned something in between: then it would be no one network's count. */
  async function countErrors(network, { labels, pixels }) {
    const weights = lenet.weightsOf(network);
    let errors = 0;
    for (let i = 0; i < labels.length; i++) {
      if (i % AT_ONCE === 0) {
        await new Promise((resume) => setTimeout(resume));
        if (!same(weights, lenet.weightsOf(network))) return null;
      }
      const field = pixels.subarray(i * PIXELS, (i + 1) * PIXELS);
      const outputs = lenet.run(network, lenet.networkInput(network, field));
      errors += lenet.ranking(network, outputs.at(-1).values)[0] !== labels[i];
    }
    return errors;
  }

  function same(a, b) {
    return a.every((value, i) => value === b[i]);
  }

  /* Buttons to keep what was learned, to ask the test digits, and to bring weights. */
  class KeepView {
    /* `learners` returns those that are learning, the first of which is kept. */
    constructor(zone, learners, digits, taken) {
      Object.assign(this, { learners, digits });
      this.bring = new lenet.BringView(zone, taken);
      this.status = element("p", { class: "lenet-muted", role: "status" });
      const keep = button("Keep the weights", () => this.keep());
      const ask = button("Ask 1,000 test digits", () => this.ask());
      const told = "Nothing is uploaded: digits, drawings and weights stay in this page.";
      this.root = element(
        "div",
        { class: "lenet-keeping" },
        element("div", { class: "lenet-row" }, keep, ask),
        this.status,
        this.bring.root,
        element("p", { class: "lenet-muted" }, told),
      );
    }

    /* What was said was of a training that is no more. */
    forget() {
      lenet.write(this.status, "");
      this.bring.say("");
    }

    keep() {
      for (const learner of this.learners()) {
        const { name, network, seen, wishes } = learner;
        const notes = { seen: `${seen}`, recipe: JSON.stringify(wishes) };
        const file = `lenet5-${name ? `${name.toLowerCase()}-` : ""}${seen}.safetensors`;
        download(lenet.writeWeights(network, notes), file);
      }
      lenet.write(this.status, "The weights went into your folder of downloads.");
    }

    async ask() {
      const digits = await this.digits();
      if (!digits) return;
      lenet.write(this.status, "The test digits are being read.");
      const found = [];
      for (const { network, seen } of this.learners()) {
        const errors = await countErrors(network, digits.test);
        if (errors === null) return lenet.write(this.status, "It learns: pause it, then ask again.");
        const of = digits.test.labels.length.toLocaleString("en");
        const images = seen.toLocaleString("en");
        found.push(`${network.title} misreads ${errors} of ${of} test digits after ${images} images.`);
      }
      return lenet.write(this.status, found.join(" "));
    }
  }

  Object.assign(lenet, { KeepView });
})();
