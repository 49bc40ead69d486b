// The button that downloads a chapter's notebook.
//
// From a web server the attribute `download` is enough. In a folder (file://) browsers ignore it and
// show the file as text, nor may a page read another file there. But it may load a script: so each
// notebook also lies in `_static/notebooks` as a script that hands its text to `saveNotebook`.
(() => {
  "use strict";

  /** Let the browser save a text under a name. */
  function saveNotebook(name, text) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "application/x-ipynb+json" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  /** Load the script that holds the notebook which a button leads to. */
  function loadNotebook(button) {
    const script = document.createElement("script");
    const address = button.getAttribute("href"); // relative: no folder above the book is in it
    script.src = address.replace(/notebooks\/(.+)\.ipynb$/, "_static/notebooks/$1.js");
    script.onload = () => script.remove();
    document.head.append(script);
  }

  window.saveNotebook = saveNotebook;
  document.addEventListener("DOMContentLoaded", () => {
    for (const button of document.querySelectorAll("a.btn-download-notebook-button")) {
      button.download = "";
      button.removeAttribute("target");
      if (location.protocol === "file:") {
        button.addEventListener("click", (event) => {
          event.preventDefault();
          loadNotebook(button);
        });
      }
    }
  });
})();
