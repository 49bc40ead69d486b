/* Where a picture comes from: a file that is chosen or dropped, the clipboard, or the camera. */
(function () {
  "use strict";
  const { lenet } = self;
  const { button, element, toolbar } = lenet;

  const QUIET = "It stays in your browser: nothing is sent anywhere.";
  const NO_CAMERA = "The browser gave this page no camera.";
  const NOT_LET = "The browser did not let this page see the clipboard: press Ctrl + V instead.";
  const NO_PICTURE = "There is no picture on the clipboard: copy one first.";

  class PictureTaker {
    /* `take` is called with a prepared picture, from lenet.prepareAside. Pictures may be dropped
       anywhere on `panel`, and pasted wherever nothing else wants what is pasted. */
    constructor(panel, take) {
      this.panel = panel;
      this.take = take;
      this.file = element("input", { type: "file", accept: "image/*", hidden: "" });
      this.file.addEventListener("change", () => this.chosen());
      this.note = element("p", { class: "lenet-muted lenet-note", role: "status" }, QUIET);
      const tools = toolbar("lenet-row", "Read a picture");
      tools.fill([
        button("Choose a file", () => this.file.click()),
        ...(navigator.clipboard?.read ? [button("Paste", () => this.fromClipboard())] : []),
        ...(lenet.Camera.isThere() ? [button("Camera", () => this.fromCamera())] : []),
      ]);
      const name = element(
        "span",
        { class: "lenet-muted" },
        "Or read a picture: drop one here, or",
      );
      this.root = element("div", { class: "lenet-strip" }, name, tools.root, this.file, this.note);
      this.listen();
    }

    listen() {
      const hasFiles = (event) => [...event.dataTransfer.types].includes("Files");
      const over = (isOver) => this.panel.classList.toggle("is-dropping", isOver);
      this.panel.addEventListener("dragover", (event) => {
        if (!hasFiles(event)) return;
        event.preventDefault(); // else the browser would leave the page for the picture
        over(true);
      });
      this.panel.addEventListener("dragleave", () => over(false));
      this.panel.addEventListener("drop", (event) => {
        if (!hasFiles(event)) return;
        event.preventDefault();
        over(false);
        const [file] = event.dataTransfer.files;
        if (!lenet.isWeights(file)) this.read(file); // else lenet.BringView reads it
      });
      document.addEventListener("paste", (event) => {
        const files = [...(event.clipboardData?.files ?? [])];
        const file = files.find(({ type }) => type.startsWith("image/"));
        if (!file || isText(document.activeElement)) return;
        event.preventDefault();
        this.read(file);
      });
    }

    chosen() {
      const [file] = this.file.files;
      this.file.value = ""; // the same one may be chosen again
      if (file) this.read(file);
    }

    async fromClipboard() {
      const items = await navigator.clipboard.read().catch(() => null);
      if (items === null) return this.say(NOT_LET);
      for (const item of items) {
        const type = item.types.find((one) => one.startsWith("image/"));
        if (type) return this.read(await item.getType(type));
      }
      return this.say(NO_PICTURE);
    }

    async fromCamera() {
      const picture = await lenet.Camera.take(this.panel).catch(() => this.say(NO_CAMERA));
      if (picture) await this.prepare(() => picture);
    }

    read(file) {
      return this.prepare(() => lenet.coloursOf(file));
    }

    /* Prepare the picture that `source` gives, unless another one has been taken meanwhile. */
    async prepare(source) {
      this.say("Reading the picture …");
      const mine = (this.latest = {});
      try {
        const prepared = await lenet.prepareAside(await source());
        if (mine !== this.latest) return;
        this.say(QUIET);
        this.take(prepared);
      } catch (error) {
        if (mine !== this.latest) return;
        this.say(
          error instanceof lenet.Unreadable ? error.message : "The picture could not be read.",
        );
        if (!(error instanceof lenet.Unreadable)) throw error;
      }
    }

    say(sentence) {
      this.note.textContent = sentence;
    }
  }

  function isText(one) {
    return one?.isContentEditable || one?.matches("input:not([type=radio]), textarea, select");
  }

  Object.assign(lenet, { PictureTaker });
})();
