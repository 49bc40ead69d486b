/* What a reader can change of a training, and what that means to the trainer. */
(function () {
  "use strict";
  const lenet = (window.lenet = window.lenet || {});
  const { element } = lenet;

  const SOURCES = 6; // maps of S2
  const DIGITS = Object.fromEntries([...Array(10).keys()].map((digit) => [digit, `${digit}`]));
  const NONE = { "": "none", ...DIGITS };
  // Chosen by validation digits, for passes of 10,000 images: SDLM's is twice that of the authors'
  // later code, whose passes had 60,000.
  const OFFERED_RATES = { sdlm: 0.0002, plain: 0.0005 };

  /* By group: each setting's key, its name, and its choices, or null for a number. The groups are
     named as in the page's list, which says what each of them is about. */
  const GROUPS = {
    Steps: [
      ["steps", "Steps by", { sdlm: "SDLM", plain: "plain gradient descent" }],
      ["again", "Curvature measured", { "": "once a pass", 1000: "also at 1,000" }],
    ],
    Rate: [
      ["rate", "Rate of the first pass", null],
      ["falls", "Of later passes", { published: "as published", never: "the same" }],
    ],
    Start: [
      ["start", "First weights within", { lush: "±1/√F", published: "±2.4/F" }],
      ["seed", "Seed of start and order", null],
    ],
    Connections: [
      ["table", "C3 reads", { published: "Table I", all: "all maps of S2", own: "your table" }],
    ],
    Squashing: [
      ["squash", "Units squash by", { tanh: "scaled tanh", logistic: "logistic", relu: "ReLU" }],
    ],
    Codes: [["codes", "F6 learns", { bitmaps: "the bitmaps", "one-of-ten": "one of ten" }]],
    Criterion: [
      ["equation", "Criterion", { 9: "eq. 9", 8: "eq. 8" }],
      ["j", "j of eq. 9", null],
    ],
    Digits: [
      ["leftOut", "Left out", NONE],
      ["swapped", "Labels exchanged", NONE],
      ["partner", "with", NONE],
      ["wrong", "Wrong labels", { "": "none", some: "one in a hundred" }],
      ["noise", "Noise", { "": "none", some: "on a tenth of the pixels" }],
    ],
  };

  /* What holds until the reader changes it: the book's reconstruction of 1998. */
  function firstWishes() {
    return {
      ...{ steps: "sdlm", again: "1000", rate: OFFERED_RATES.sdlm, falls: "published" },
      ...{ start: "lush", seed: 1998 },
      ...{ table: "published", own: lenet.published.table.map((row) => [...row]), squash: "tanh" },
      ...{ codes: "bitmaps", equation: "9", j: 1 },
      ...{ leftOut: "", swapped: "", partner: "", wrong: "", noise: "" },
    };
  }

  function tableOf({ table, own }) {
    if (table === "published") return lenet.published.table;
    return table === "own" ? own : lenet.published.table.map(() => [...Array(SOURCES).keys()]);
  }

  /* The paper's rates of its passes, in proportion to that of the first. */
  function falling(first) {
    const { rates } = lenet.published;
    return rates.map((rate) => (rate * first) / rates[0]);
  }

  /* The wishes that build such a network, of a file that was brought. */
  function wishesLike(network) {
    const [first, , { table }] = network.layers;
    const isPublished = JSON.stringify(table) === JSON.stringify(lenet.published.table);
    return { table: isPublished ? "published" : "own", own: table, squash: first.squash.name };
  }

  /* The choices of lenet.newNetwork. */
  function networkChoices(wishes) {
    const { squash, codes, start, seed } = wishes;
    return { table: tableOf(wishes), squash, codes, start, seed };
  }

  /* The choices of lenet.Trainer, the digits apart. */
  function trainerChoices(wishes) {
    const { equation, j, steps, again, rate, falls, seed } = wishes;
    return {
      network: networkChoices(wishes),
      criterion: { equation: Number(equation), j },
      optimizer: steps,
      again: again === "" ? null : Number(again),
      rates: falls === "published" ? falling(rate) : [rate],
      seed,
    };
  }

  /* The choices of lenet.altered. */
  function digitChoices({ leftOut, swapped, partner, wrong, noise, seed }) {
    const isPair = swapped !== "" && partner !== "" && swapped !== partner;
    return {
      leftOut: leftOut === "" ? null : Number(leftOut),
      swapped: isPair ? [Number(swapped), Number(partner)] : null,
      wrong: wrong !== "",
      noise: noise !== "",
      seed,
    };
  }

  /* A form for the wishes of one training. `told` are the nodes that say what each group is about,
     by its name; `changed` is called after each change. */
  class SettingsForm {
    constructor(told, changed) {
      this.changed = changed;
      this.fields = {};
      this.table = new lenet.OwnTable((own) => this.wish({ table: "own", own }));
      const groups = Object.entries(GROUPS).map(([name, settings]) => {
        const fields = settings.map((setting) => this.field(...setting));
        if (name === "Connections") fields.push(this.table.root);
        const about = element("div", { class: "lenet-about" }, ...(told[name] ?? []));
        return element("fieldset", {}, element("legend", {}, name), ...fields, about);
      });
      this.root = element("div", { class: "lenet-settings" }, ...groups);
    }

    field(key, name, choices) {
      const changed = ({ target }) => this.take(key, target);
      const input = choices
        ? element("select", { onchange: changed }, ...options(choices))
        : element("input", { type: "text", inputmode: "decimal", onchange: changed });
      this.fields[key] = input;
      return element("label", {}, `${name} `, input);
    }

    /* Show these wishes, and change them from now on. */
    show(wishes) {
      this.wishes = wishes;
      for (const [key, input] of Object.entries(this.fields)) input.value = wishes[key];
      this.table.show(tableOf(wishes));
    }

    /* A number that is none is put back to what it was. */
    take(key, input) {
      const isNumber = typeof this.wishes[key] === "number";
      const value = isNumber ? Number(input.value) : input.value;
      const least = key === "seed" ? 0 : Number.MIN_VALUE;
      const isGood = !isNumber || (value >= least && input.value.trim() !== "" && value < 2 ** 32);
      if (!isGood) input.value = this.wishes[key];
      else if (key === "seed") this.wish({ seed: Math.floor(value) });
      else if (key === "steps") this.wish({ steps: value, rate: OFFERED_RATES[value] });
      else if (key === "table" && value === "own") this.wish({ table: value, own: this.table.rows });
      else this.wish({ [key]: value });
    }

    wish(changes) {
      Object.assign(this.wishes, changes);
      this.show(this.wishes);
      this.changed(changes);
    }
  }

  function options(choices) {
    // Of an object's keys, those that are whole numbers come first: "none" is to lead.
    const entries = Object.entries(choices).sort(([a], [b]) => (b === "") - (a === ""));
    return entries.map(([value, name]) => element("option", { value }, name));
  }

  Object.assign(lenet, {
    SettingsForm,
    SOURCES,
    digitChoices,
    firstWishes,
    networkChoices,
    trainerChoices,
    wishesLike,
  });
})();
