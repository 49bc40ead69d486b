/* Paper is white: a dark page is printed as the light one, and is dark again afterwards. */
(function () {
  "use strict";
  const { dataset } = document.documentElement;
  let before = null; // the theme on the screen, while there is paper

  function change(isPaper) {
    if (isPaper === (before !== null)) return;
    [before, dataset.theme] = isPaper ? [dataset.theme, "light"] : [null, before];
  }

  window.addEventListener("beforeprint", () => change(true));
  window.addEventListener("afterprint", () => change(false));
  // Safari tells of paper by this alone.
  window.matchMedia("print").addEventListener("change", ({ matches }) => change(matches));
})();
