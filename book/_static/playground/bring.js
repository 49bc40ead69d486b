/* Weights from elsewhere: a file that the reader chooses or drops. Nothing leaves the machine. */
(function () {
  "use strict";
  const lenet = (window.lenet = window.lenet || {});
  const { button, element } = lenet;

  /* A button to choose a file of weights; one may also be dropped on `zone`. `taken` is called with
     the network and the file's name. */
  class BringView {
    constructor(zone, taken) {
      this.taken = taken;
      this.status = element("p", { class: "lenet-muted", role: "status" });
      const input = element("input", {
        type: "file",
        accept: ".safetensors",
        hidden: "",
        onchange: () => this.read(input.files[0]),
      });
      const choose = button("Bring your own weights", () => {
        input.value = ""; // the same file may be chosen again
        input.click();
      });
      this.root = element("div", { class: "lenet-bring" }, choose, input, this.status);
      this.listen(zone);
    }

    listen(zone) {
      zone.addEventListener("dragover", (event) => {
        if (event.dataTransfer.types.includes("Files")) event.preventDefault();
      });
      zone.addEventListener("drop", (event) => {
        if (event.dataTransfer.files.length === 0) return;
        event.preventDefault(); // the browser would leave the page and show the file
        this.read(event.dataTransfer.files[0]);
      });
    }

    async read(file) {
      if (!file) return;
      try {
        const bytes = new Uint8Array(await file.arrayBuffer());
        this.taken(lenet.readWeights(bytes, file.name), file.name);
        this.say(`${file.name} is in use here; this page alone has read it.`);
      } catch (error) {
        this.say(error.message, true);
      }
    }

    say(text, isRefusal = false) {
      this.status.classList.toggle("is-refusal", isRefusal);
      lenet.write(this.status, text);
    }
  }

  Object.assign(lenet, { BringView });
})();
