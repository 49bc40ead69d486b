/* Brings a panel's scripts and its network when the panel comes near, and fills it then.

   Until then a page pays for this file alone. What it brings are scripts, which work from file:// too,
   where a page may not fetch. */
(function () {
  "use strict";
  const lenet = (window.lenet = window.lenet || {});

  const here = document.currentScript;
  const NEAR = "50% 0px"; // half a window before a panel is seen
  const FIRST_NETWORK = "lenet5"; // what every panel begins with

  const brought = new Map();
  lenet.PANELS = {}; // by kind: each panel's script adds its own

  /* Run a script beside this one, once; those asked for first run first. */
  function bring(name) {
    if (!brought.has(name)) {
      brought.set(name, add(name));
      brought.get(name).catch(() => brought.delete(name)); // a later try asks again
    }
    return brought.get(name);
  }

  function add(name) {
    const script = document.createElement("script");
    script.async = false; // in order
    script.src = new URL(`${name}.js?v=${here.dataset.version}`, here.src);
    return new Promise((resolve, reject) => {
      script.onload = resolve;
      script.onerror = () => reject(new Error(`${script.src} did not come`));
      document.head.append(script);
    });
  }

  /* Bring a network's weights; it is in lenet.networks then. */
  function bringNetwork(key) {
    return bring(`data/${key}`);
  }

  const filled = new WeakMap();

  /* Fill a panel, and put away what stood in for it; or leave that where the scripts do not come. */
  function fill(root) {
    if (!filled.has(root)) filled.set(root, make(root));
    return filled.get(root);
  }

  async function make(root) {
    const standIn = root.nextElementSibling;
    try {
      await Promise.all(root.dataset.needs.split(" ").map(bring));
    } catch {
      standIn.classList.add("is-needed");
      root.remove();
      return;
    }
    for (const [kind, color] of Object.entries(lenet.colors)) {
      root.style.setProperty(`--${kind}`, color);
    }
    root.panel = new lenet.PANELS[root.dataset.panel](root, FIRST_NETWORK);
    standIn.classList.add("is-replaced");
  }

  function start() {
    const observer = new IntersectionObserver(
      (entries) => {
        for (const { target, isIntersecting } of entries) {
          if (!isIntersecting) continue;
          observer.unobserve(target);
          fill(target);
        }
      },
      { rootMargin: NEAR },
    );
    document.querySelectorAll("[data-panel]").forEach((root) => observer.observe(root));
  }

  Object.assign(lenet, { bring, bringNetwork, fill });

  // As soon as the page has been read, before the theme's deferred scripts have run.
  if (document.readyState === "loading") {
    document.addEventListener("readystatechange", start, { once: true });
  } else start();
})();
