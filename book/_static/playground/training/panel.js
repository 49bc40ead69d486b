/* The panel in which a network learns: what is pressed, what is seen, and paper to draw on. */
(function () {
  "use strict";
  const lenet = (window.lenet = window.lenet || {});
  const { button, element } = lenet;

  const CALM = 10_000; // milliseconds between two sentences for a screen reader
  const SEEN_AGAIN = 500; // milliseconds between two pictures of a network that learns
  const SOME = 100; // images, by their button
  const PERCENT = [1, 2, 5, 10, 20, 50, 100]; // on the axis of errors

  class TrainPanel extends lenet.SmallPanel {
    build() {
      const told = toldIn(this.root.nextElementSibling);
      this.wishes = [lenet.firstWishes(), lenet.firstWishes()];
      this.watching = new lenet.WatchView();
      this.learners = ["", "B"].map((name) => this.learner(name));
      this.isPair = false;
      this.parts = this.learners.map(() => partsOf());
      this.errors = new lenet.Curve("Misread of 1,000 validation digits, in %", PERCENT, true);
      this.losses = new lenet.Curve("Loss, mean of 100 images", [], false);
      this.form = new lenet.SettingsForm(told, (changes) => this.wished(changes));
      const begin = (network) => this.begin(network);
      const [active, digits] = [() => this.active(), () => this.digits()];
      this.keeping = new lenet.KeepView(this.root, active, digits, begin);
      this.root.append(...this.sections());
      this.form.show(this.wishes[0]);
      this.begin();
    }

    learner(name) {
      return new lenet.Learner(
        name,
        (learner) => this.changed(learner),
        (learner, news) => this.watching.take(learner.network, news),
      );
    }

    // --- What stands where -------------------------------------------------------------------

    sections() {
      const two = (...both) => element("div", { class: "lenet-two" }, ...both);
      const ofBoth = (name) => two(...this.parts.map((parts) => parts[name]));
      const heading = (text) => element("p", { class: "lenet-heading" }, text);
      const watch = button("Watch one image", () => this.watch());
      this.note = element("p", { class: "lenet-muted" });
      this.voice = element("p", { class: "lenet-spoken", role: "status" });
      return [
        this.controls(),
        ofBoth("facts"),
        this.note,
        this.voice,
        two(this.errors.root, this.losses.root),
        this.settings(),
        heading("Draw a digit for it, at any moment"),
        element("div", { class: "lenet-top" }, this.paper(), ofBoth("reading")),
        heading("Ten test digits, F6’s drawing of each, its code, and the answer"),
        ofBoth("ten"),
        heading("Its kernels"),
        ofBoth("kernels"),
        heading("One image, there and back"),
        element("div", { class: "lenet-row" }, watch),
        this.watching.root,
        heading("Keep it, or bring your own"),
        this.keeping.root,
      ];
    }

    controls() {
      this.running = button("Run", () => this.runOrPause(), { class: "lenet-button is-first" });
      const row = lenet.toolbar("lenet-row", "Training");
      row.fill([
        this.running,
        button("One image", () => this.run(1)),
        button("One hundred", () => this.run(SOME)),
        button("Start anew", () => this.begin()),
      ]);
      const names = ["one", "two side by side"];
      const pairing = lenet.choice("Trainings", names, (i) => this.pair(i === 1));
      pairing.group.querySelector("input").checked = true;
      return element("div", { class: "lenet-head" }, row.root, pairing.group);
    }

    settings() {
      const whose = lenet.choice("Settings of", ["A", "B"], (i) => this.form.show(this.wishes[i]));
      this.whose = whose;
      whose.group.hidden = true;
      const summary = element("summary", {}, "What you can change");
      return element("details", { class: "lenet-change" }, summary, whose.group, this.form.root);
    }

    // --- What the reader does ----------------------------------------------------------------

    /* The trainings that are shown: one, or two. */
    active() {
      return this.isPair ? this.learners : this.learners.slice(0, 1);
    }

    /* Begin anew as wished, or with the `network` of a file. */
    begin(network) {
      this.watching.hide();
      this.keeping.forget();
      this.isPending = false;
      if (network) Object.assign(this.wishes[0], lenet.wishesLike(network));
      this.form.show(this.form.wishes);
      this.active().forEach((learner, i) => {
        learner.begin({ ...this.wishes[i] }, i === 0 ? network : undefined);
      });
      this.tell();
    }

    async run(count) {
      const digits = await this.digits();
      if (digits) for (const learner of this.active()) learner.run(digits, count);
    }

    runOrPause() {
      const running = this.active().filter((learner) => learner.running);
      if (running.length === 0) return this.run(Infinity);
      return running.forEach((learner) => learner.pause());
    }

    async watch() {
      const digits = await this.digits();
      if (digits) this.learners[0].watch(digits);
    }

    /* The digits, or null where they did not come. */
    async digits() {
      lenet.write(this.note, "The digits are being unpacked.");
      try {
        const digits = await lenet.bringDigits();
        this.tell();
        return digits;
      } catch {
        lenet.write(this.note, "The digits could not be loaded.");
        return null;
      }
    }

    pair(isPair) {
      this.isPair = isPair;
      this.root.classList.toggle("is-pair", isPair);
      this.learners[0].name = isPair ? "A" : "";
      this.whose.group.hidden = !isPair;
      this.whose.choose(0);
      if (!isPair) this.learners[1].close();
      this.begin();
    }

    /* A wish counts from the next start: at once, where nothing was learned that would be lost. */
    wished({ seed }) {
      // One seed for both: they start alike and get the same images one after the other.
      if (seed !== undefined) for (const wishes of this.wishes) wishes.seed = seed;
      if (this.active().every((learner) => learner.seen === 0 && !learner.running)) this.begin();
      else this.isPending = true;
      this.tell();
    }

    // --- What follows from it ----------------------------------------------------------------

    /* Show what is new about a training: its network's pictures now and then, all else at once. */
    changed(learner) {
      const parts = this.parts[this.learners.indexOf(learner)];
      if (parts.network !== learner.network) takeNetwork(parts, learner.network);
      lenet.write(parts.told, factsOf(learner));
      const isRunning = this.active().some(({ running }) => running);
      lenet.write(this.running, isRunning ? "Pause" : "Run");
      const now = window.performance.now();
      if (learner.running && now - parts.shownAt < SEEN_AGAIN) return;
      parts.shownAt = now;
      parts.answers.update();
      parts.forming.update();
      this.answer(learner, parts);
      this.draw();
      this.speak(isRunning);
    }

    draw() {
      const active = this.active();
      const most = Math.max(...active.map(({ seen }) => seen)); // both curves have one axis
      for (const name of ["errors", "losses"]) {
        this[name].update(
          active.map((learner) => learner[name]),
          most,
        );
      }
      const say = (curve, name) => curve.say(active.map((learner) => lastOf(learner, name)).join("; "));
      say(this.errors, "errors");
      say(this.losses, "losses");
    }

    /* The drawing changed. */
    update() {
      for (const learner of this.active()) this.answer(learner, this.parts[this.learners.indexOf(learner)]);
    }

    answer(learner, { answer }) {
      if (!learner.network) return;
      // While it learns, the answer is not spoken by itself: `speak` does it at a calm rate.
      answer.status.setAttribute("aria-live", learner.running ? "off" : "polite");
      this.network = learner.network;
      const { prepared, field, outputs } = this.read();
      answer.update(field && outputs, undefined, prepared);
    }

    tell() {
      const told = this.isPending ? "What you changed counts from the next start: start anew." : "";
      lenet.write(this.note, told);
    }

    /* Say how far it is, when it stops, and now and then while it learns. */
    speak(isRunning) {
      const now = window.performance.now();
      if (isRunning && now - (this.spokenAt ?? -CALM) < CALM) return;
      this.spokenAt = now;
      const told = this.active().map((learner, i) => {
        const digit = this.parts[i].answer.digit.textContent;
        return `${factsOf(learner)} Your drawing is read as ${digit}.`;
      });
      lenet.write(this.voice, told.join(" "));
    }
  }

  /* The places for what is seen of one network. */
  function partsOf() {
    const answer = new lenet.AnswerView("The paper is blank: draw a digit.", "F6", true);
    const place = () => element("div");
    const [facts, ten, kernels, told] = [place(), place(), place(), element("p")];
    facts.append(told);
    return { answer, reading: answer.root, facts, told, ten, kernels, shownAt: 0 };
  }

  function takeNetwork(parts, network) {
    parts.network = network;
    parts.answer.take(network);
    parts.answers = new lenet.AnswersView(network);
    parts.forming = new lenet.KernelsView(network);
    parts.ten.replaceChildren(parts.answers.root);
    parts.kernels.replaceChildren(parts.forming.root);
  }

  const BUSY = { curvature: " It estimates the curvature.", judging: " It is being judged." };

  function factsOf(learner) {
    const { busy, diverged, failed, name, rate, seen } = learner;
    const whose = name ? `${name}: ` : "";
    if (failed) return `${whose}The training stopped: ${failed}`;
    const { judged, loss } = learner.latest();
    const speed = learner.speed();
    const images = seen === 1 ? "image" : "images";
    const parts = [`${whose}${seen.toLocaleString("en")} ${images} seen`];
    if (seen > 0) parts.push(`${lenet.number(learner.passes(), 2)} passes`);
    if (rate) parts.push(`rate ${Number(rate.toPrecision(3))}`);
    if (speed !== null) parts.push(`${Math.round(speed).toLocaleString("en")} images a second`);
    const learned = loss ? ` Loss ${lenet.number(loss.y, 2)}.` : "";
    const errors = judged ? ` ${judged.errors} of ${judged.of.toLocaleString("en")} misread.` : "";
    const end = diverged ? " It diverged: its numbers left all bounds. Take a smaller rate." : "";
    return `${parts.join(", ")}.${learned}${errors}${end}${BUSY[busy] ?? ""}`;
  }

  function lastOf(learner, name) {
    const last = learner[name].at(-1);
    if (!last) return "nothing yet";
    const whose = learner.name ? `${learner.name}, ` : "";
    return `${whose}${lenet.number(last.y, 1)} after ${last.x.toLocaleString("en")} images`;
  }

  /* What the page's list says of each group of settings: the nodes behind each term. */
  function toldIn(standIn) {
    const terms = [...standIn.querySelectorAll("dt")];
    return Object.fromEntries(
      terms.map((term) => [
        term.textContent.trim(),
        [...term.nextElementSibling.childNodes].map((node) => node.cloneNode(true)),
      ]),
    );
  }

  lenet.PANELS.train = TrainPanel;
})();
