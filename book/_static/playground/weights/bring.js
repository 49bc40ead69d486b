/* Weights from elsewhere: a file that the reader chooses or drops. Nothing leaves the machine. */
(function () {
  "use strict";
  const lenet = (window.lenet = window.lenet || {});
  const { button, element } = lenet;

  function isWeights({ name }) {
    return name.endsWith(".safetensors");
  }

  /* A button to choose a file of weights; one may also be dropped on `zone`, where others than those
     that it `wants` are left alone. `taken` is called with the network and the file's name. */
  class BringView {
    constructor(zone, taken, wants = () => true) {
      Object.assign(this, { taken, wants });
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
        const [file] = event.dataTransfer.files;
        if (!file || !this.wants(file)) return;
        event.preventDefault(); // the browser would leave the page and show the file
        this.read(file);
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

  Object.assign(lenet, { BringView, isWeights });
})();
