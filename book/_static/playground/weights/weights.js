/* A LeNet-5's weights as a file, and such files read: those that lenet_utils writes and takes.

   What does not fit is refused with the sentence that `lenet_utils.load_weights` says. */
(function () {
  "use strict";
  const { lenet } = self;

  const TABLES = "connection_tables"; // the note with each sparse layer's table
  const C3 = "c3.0"; // which is LeNet-5's only one
  const MAPS = 6; // of S2
  const MOST = 8; // tensors that a message names
  const DIGITS = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
  const DTYPES = {
    ...{ F64: "torch.float64", F32: "torch.float32", F16: "torch.float16", BF16: "torch.bfloat16" },
    ...{ I64: "torch.int64", I32: "torch.int32", I16: "torch.int16", I8: "torch.int8" },
    ...{ U8: "torch.uint8", BOOL: "torch.bool" },
  };

  /* Write a LeNet-5 with `notes`, texts by name, for load_weights and `predict --weights`.

     With other parts than the published ones it does not say that it is a "lenet5": predict, which
     would misread with it, then refuses, and load_weights into a model of those parts takes it. */
  function writeWeights(network, notes = {}) {
    const { squash } = network.layers[0];
    const c3 = network.layers[2];
    const sparse = c3.table.some((row) => row.length < c3.inputs);
    const isPublished = squash.name !== "relu" && squash.name !== "logistic" && isTableI(c3.table);
    const known = {
      ...(isPublished ? { model: "lenet5" } : { squash: squash.name ?? "tanh" }),
      ...{ data: "mnist", scaling: "1998" },
      ...{ background: `${lenet.BACKGROUND}`, ink: `${lenet.INK}` },
      classes: `[${DIGITS.map((digit) => `"${digit}"`).join(", ")}]`,
      [TABLES]: sparse ? `{"${C3}": [${c3.table.map(listed).join(", ")}]}` : "{}",
    };
    return lenet.packTensors(lenet.tensorsOf(network), { ...notes, ...known });
  }

  function isTableI(table) {
    return JSON.stringify(table) === JSON.stringify(lenet.published.table);
  }

  function listed(numbers) {
    return `[${numbers.join(", ")}]`;
  }

  /* Read a file, called `path` in what is wrong with it: a LeNet-5 with the table, the codes and the
     squashing function that it was written with; where that is not said, with the published ones. */
  function readWeights(bytes, path) {
    const { tensors, notes } = lenet.unpackTensors(bytes, path);
    const table = tableOf(tensors, notes, path);
    const network = noted(path, () => lenet.newNetwork({ table, squash: notes.squash }));
    const wanted = lenet.tensorsOf(network);
    let found;
    try {
      found = underOwnNames(tensors, wanted);
      checkLike(found, wanted);
    } catch (error) {
      const why = `${error.message}; ${hint(tensors, wanted)}`;
      throw new Error(`${path} does not fit this LeNet5: ${why}`, { cause: error });
    }
    for (const { name } of wanted) {
      if (found[name].values.every(Number.isFinite)) continue;
      throw new Error(
        `${path} is of no use: ${name} has NaN or infinity. Most likely its training diverged: ` +
          "train it anew, with a tenth of the learning rate.",
      );
    }
    checkNotes(notes, path);
    for (const { name, values } of wanted) values.set(found[name].values);
    const limit = Number(notes.penalty_limit ?? NaN); // noted by train: see lenet.AnswerView
    network.limit = Number.isFinite(limit) ? limit : null;
    return network;
  }

  function tableOf(tensors, notes, path) {
    const c3 = tensors[`${C3}.weight`];
    if (c3?.shape.length === 4) return Array.from({ length: 16 }, () => [0, 1, 2, 3, 4, 5]);
    let tables;
    try {
      tables = JSON.parse(notes[TABLES] ?? "{}");
    } catch (cause) {
      throw new Error(`${path} is damaged: its connection tables are '${notes[TABLES]}'`, {
        cause,
      });
    }
    const table = tables?.[C3];
    if (table === undefined) return null;
    const isTable =
      Array.isArray(table) &&
      table.length === lenet.published.table.length &&
      table.every((row) => Array.isArray(row) && row.length > 0 && row.every(isMap));
    if (isTable) return table;
    throw new Error(
      `${path} holds weights for another connection table than that of ${C3}: build the model with ` +
        "the connections it was trained with",
    );
  }

  function isMap(number, i, row) {
    const isNew = row.indexOf(number) === i;
    return isNew && Number.isInteger(number) && number >= 0 && number < MAPS;
  }

  /* Do what a file's notes say, or say that they cannot be right. */
  function noted(path, what) {
    try {
      return what();
    } catch (cause) {
      throw new Error(`${path} has notes that cannot be right: ${cause.message}`, { cause });
    }
  }

  /* Refuse what has learned from other pixels, or something else than digits: the page gives it none. */
  function checkNotes({ background, ink, classes }, path) {
    const given = [lenet.BACKGROUND, lenet.INK].join(" to ");
    const learned = [Number(background ?? lenet.BACKGROUND), Number(ink ?? lenet.INK)].join(" to ");
    if (learned !== given) {
      throw new Error(`${path} has learned from pixels of ${learned}, and here they are ${given}`);
    }
    const names = noted(path, () => JSON.parse(classes ?? JSON.stringify(DIGITS)));
    if (JSON.stringify(names) !== JSON.stringify(DIGITS)) {
      throw new Error(`${path} has not learned digits, but ${classes}`);
    }
  }

  // --- Names and shapes: other_names.py, and check_like of weights.py ----------------------------

  /* The tensors under the names of those `wanted`, where each shape is there once. */
  function underOwnNames(found, wanted) {
    const names = wanted.map(({ name }) => name);
    const theirs = Object.keys(found);
    if (names.every((name) => name in found) && theirs.length === names.length) return found;
    const there = byKind(theirs.map((name) => ({ name, ...found[name] })));
    const pairs = new Map();
    for (const [kind, here] of byKind(wanted)) {
      const others = there.get(kind);
      if (here.length === 1 && others?.length === 1 && same(others[0].shape, here[0].shape)) {
        pairs.set(here[0].name, others[0].name);
      }
    }
    if (pairs.size === names.length && pairs.size === theirs.length) {
      return Object.fromEntries(
        wanted.map(({ name, shape }) => [name, { ...found[pairs.get(name)], shape }]),
      );
    }
    if (names.some((name) => name in found)) return found;
    const used = new Set(pairs.values());
    const extra = theirs
      .filter((name) => !used.has(name))
      .map((name) => ({ name, ...found[name] }));
    const missing = wanted.filter(({ name }) => !pairs.has(name));
    throw new Error(
      `its names are others, and shapes do not tell where ${named(extra)} should go, or what ` +
        `${named(missing)} should be`,
    );
  }

  /* Sort tensors by their names' last word, weight or bias, with how many units of how many inputs. */
  function byKind(tensors) {
    const kinds = new Map();
    for (const entry of tensors) {
      const { name, shape } = entry;
      const ofFull = [2, 4].includes(shape.length) && !shape.includes(0);
      const size = ofFull ? [shape[0], shape.slice(1).reduce((all, n) => all * n, 1)] : shape;
      const kind = `${name.split(".").at(-1)} ${size}`;
      kinds.set(kind, [...(kinds.get(kind) ?? []), entry]);
    }
    return kinds;
  }

  function same(there, here) {
    return `${there}` === `${here}` || there.length !== here.length;
  }

  function named(tensors) {
    const all = [...tensors].sort((a, b) => (a.name < b.name ? -1 : 1));
    const shown = all.slice(0, MOST).map(({ name, shape }) => `${name} ${tuple(shape)}`);
    const more = all.length > MOST ? ` and ${all.length - MOST} more` : "";
    return (shown.join(", ") || "nothing") + more;
  }

  function tuple(shape) {
    if (shape === undefined) return "None";
    return shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  }

  function checkLike(found, wanted) {
    const own = Object.fromEntries(wanted.map(({ name, shape }) => [name, shape]));
    for (const name of [...new Set([...Object.keys(found), ...Object.keys(own)])].sort()) {
      const [there, here] = [tuple(found[name]?.shape), tuple(own[name])];
      if (there !== here) throw new Error(`${name} differs (${there} in the file, ${here} wanted)`);
      const { dtype } = found[name];
      if (dtype === "F32") continue;
      throw new Error(`${name} differs (${DTYPES[dtype]} in the file, ${DTYPES.F32} wanted)`);
    }
  }

  function hint(tensors, wanted) {
    const own = new Set(wanted.map(({ name }) => name));
    if (Object.keys(tensors).some((name) => name.endsWith("_orig") && !own.has(name))) {
      return (
        'one of the two is pruned: torch.nn.utils.prune.remove(layer, "weight") makes of each ' +
        "pruned layer one that is not"
      );
    }
    return "build the model with the parts it was trained with";
  }

  Object.assign(lenet, { readWeights, writeWeights });
})();
