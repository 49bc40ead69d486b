/* Tensors in files of the kind safetensors, read and written as lenet_utils/models/weights.py does.

   A file is the length of its head in 8 bytes, the head, JSON that says which tensors there are, and
   their numbers. The same tensors and notes make the same bytes as in Python, a checksum among them;
   what is wrong with a file is said in the sentences of `load_weights`. */
(function () {
  "use strict";
  const { lenet } = self;

  const CHECKSUM = "lenet_utils_checksum"; // the note with the sha256 of tensors and other notes
  const LENGTH = 8; // bytes that say how long the head is
  const MOST = 100_000_000; // bytes of a head, for safetensors
  const BYTES = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 };

  /* Write tensors, {name, shape, values}, the values in 32 bits, and notes, which are text by name. */
  function packTensors(tensors, notes) {
    const header = {};
    let end = 0;
    const inOrder = [...tensors].sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const { name, shape, values } of inOrder) {
      header[name] = {
        dtype: "F32",
        shape: [...shape],
        data_offsets: [end, end + 4 * values.length],
      };
      end += 4 * values.length;
    }
    const data = new Uint8Array(end);
    for (const { name, values } of inOrder) {
      data.set(littleEndian(values), header[name].data_offsets[0]);
    }
    const kept = sorted(notes);
    const checked = { ...kept, [CHECKSUM]: checksum(header, kept, data) };
    const json = ascii(JSON.stringify({ __metadata__: checked, ...header }));
    const head = new TextEncoder().encode(json.padEnd(Math.ceil(json.length / LENGTH) * LENGTH));
    const bytes = new Uint8Array(LENGTH + head.length + end);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(head.length), true);
    bytes.set(head, LENGTH);
    bytes.set(data, LENGTH + head.length);
    return bytes;
  }

  function littleEndian(values) {
    const view = new DataView(new ArrayBuffer(4 * values.length));
    values.forEach((value, i) => view.setFloat32(4 * i, value, true));
    return new Uint8Array(view.buffer);
  }

  /* Read a file, called `path` in what is wrong with it. Returns its notes, and its tensors by name,
     {shape, dtype, values}; the values of those that are not of 32 bits are null. */
  function unpackTensors(bytes, path) {
    checkNoPickle(bytes, path);
    const broken = (why) => {
      throw new Error(`${path} is not a safetensors file, or is damaged: ${why}`);
    };
    const [header, data] = parted(bytes, broken);
    const { __metadata__: notes = {}, ...described } = header;
    const tensors = {};
    for (const [name, entry] of Object.entries(described)) tensors[name] = tensor(entry, data);
    const { [CHECKSUM]: kept, ...others } = notes;
    if (kept !== undefined && kept !== checksum(described, others, data)) {
      throw new Error(
        `${path} is damaged: its content has not the checksum with which it was written; take a ` +
          "copy, or train anew",
      );
    }
    return { tensors, notes: others };
  }

  function checkNoPickle(bytes, path) {
    const start = String.fromCharCode(...bytes.subarray(0, LENGTH + 1));
    if (!(start.startsWith("PK") || start.startsWith("\x80")) || start.endsWith("{")) return;
    throw new Error(
      `${path} is not a safetensors file, or is damaged: it is a pickle, as torch.save makes them ` +
        "and .pt and .pth files are. If you trust it, safetensors.torch.save_file(torch.load(path, " +
        'weights_only=True), "weights.safetensors") writes its weights as they can be read here',
    );
  }

  /* Head and data, or what safetensors says of a file of which it can make none. */
  function parted(bytes, broken) {
    const wrong = (why) => broken(`Error while deserializing header: ${why}`);
    if (bytes.length < LENGTH) wrong("header too small");
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const length = Number(view.getBigUint64(0, true));
    if (length > MOST) wrong("header too large");
    if (length > bytes.length - LENGTH) wrong("invalid header length");
    const data = bytes.subarray(LENGTH + length);
    let header;
    try {
      const text = new TextDecoder("utf-8", { fatal: true });
      header = JSON.parse(text.decode(bytes.subarray(LENGTH, LENGTH + length)));
    } catch (error) {
      wrong(`invalid JSON in header: ${error.message}`);
    }
    checkHeader(header, data.length, wrong);
    return [header, data];
  }

  /* Refuse tensors that do not lie one behind the other, from the first byte to the last. */
  function checkHeader(header, size, wrong) {
    if (header === null || typeof header !== "object" || Array.isArray(header)) {
      wrong("invalid JSON in header: it is no object");
    }
    const { __metadata__: notes = {}, ...described } = header;
    if (!Object.values(notes).every((note) => typeof note === "string")) {
      wrong("invalid JSON in header: notes must be text");
    }
    const whole = (numbers) =>
      Array.isArray(numbers) && numbers.every((n) => Number.isSafeInteger(n) && n >= 0);
    const entries = Object.entries(described);
    for (const [name, { dtype, shape, data_offsets: place } = {}] of entries) {
      if (typeof dtype !== "string" || !whole(shape) || !whole(place) || place.length !== 2) {
        wrong(`invalid JSON in header: ${name} is not described`);
      }
    }
    entries.sort(([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0]);
    let end = 0;
    for (const [name, { dtype, shape, data_offsets: place }] of entries) {
      if (place[0] !== end || place[1] < place[0]) wrong(`invalid offset for tensor \`${name}\``);
      const wanted = product(shape) * (BYTES[dtype] ?? NaN);
      if (place[1] - place[0] !== wanted) wrong("invalid shape, data type, or offset for tensor");
      [, end] = place;
    }
    if (end !== size) wrong("incomplete metadata, file not fully covered");
  }

  function tensor({ dtype, shape, data_offsets: [from, to] }, data) {
    if (dtype !== "F32") return { dtype, shape, values: null };
    const view = new DataView(data.buffer, data.byteOffset + from, to - from);
    const values = Float32Array.from({ length: (to - from) / 4 }, (_, i) =>
      view.getFloat32(4 * i, true),
    );
    return { dtype, shape, values };
  }

  function product(numbers) {
    return numbers.reduce((before, n) => before * n, 1);
  }

  // --- The checksum ------------------------------------------------------------------------------

  function checksum(header, notes, data) {
    const head = new TextEncoder().encode(pythonJson([header, notes]));
    const bytes = new Uint8Array(head.length + data.length);
    bytes.set(head);
    bytes.set(data, head.length);
    return lenet.sha256(bytes);
  }

  /* What Python's json.dumps(value, sort_keys=True) gives for texts, whole numbers, and these together. */
  function pythonJson(value) {
    if (Array.isArray(value)) return `[${value.map(pythonJson).join(", ")}]`;
    if (typeof value !== "object") return ascii(JSON.stringify(value));
    const pairs = Object.entries(sorted(value));
    return `{${pairs.map(([name, of]) => `${pythonJson(name)}: ${pythonJson(of)}`).join(", ")}}`;
  }

  function sorted(object) {
    return Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  function ascii(json) {
    return json.replace(/[\u007f-\uffff]/g, (letter) => {
      return `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`;
    });
  }

  Object.assign(lenet, { packTensors, unpackTensors });
})();
