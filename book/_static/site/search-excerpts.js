// Excerpts below what the search found. Sphinx would fetch whole pages for them, which a page opened
// from a folder (file://) may not do. But it may load scripts: each page's text lies in one, written
// by book/_ext/search.py, which hands it to `addSearchText`.
/* global Stemmer, splitQuery */
(() => {
  "use strict";

  const BEFORE = 120, LENGTH = 240; // characters, as in Sphinx's excerpts
  const texts = {}; // for each page a promise of its sections: their anchors and texts
  const arrived = {};

  window.addSearchText = (page, sections) => arrived[page](sections);

  /** Load the text of a page, once. */
  function load(page) {
    texts[page] ??= new Promise((resolve, reject) => {
      arrived[page] = resolve;
      const script = document.createElement("script");
      script.src = `_static/search/${page}.js`;
      script.onerror = reject; // a page without text, such as the index
      document.head.append(script);
    });
    return texts[page];
  }

  /** What to look for in a text: beginnings of words, and numbers with commas or without. */
  function patterns(query) {
    const stemmer = new Stemmer();
    return splitQuery(query).map((word) => {
      const source = word.startsWith("#")
        ? word.slice(1).replaceAll(".", "\\.").replace(/\d(?=\d)/g, "$&,?")
        : stemmer.stemWord(word.toLowerCase());
      return new RegExp(`(?<![\\p{L}\\p{N}_])${source}`, "iu");
    });
  }

  /** The part of a page where most of what was asked for stands, with the first of it marked. */
  function excerpt(sections, anchor, wanted) {
    const section = sections.filter(([id]) => id === anchor); // empty for a term of the glossary
    const here = section.length ? section : [...sections];
    const hits = ([, text]) => wanted.filter((pattern) => pattern.test(text)).length;
    const [best] = here.sort((a, b) => hits(b) - hits(a)); // stable: the first of the best
    if (!best) return null;
    const [, text] = best;
    const found = wanted.map((pattern) => pattern.exec(text)).find((match) => match);
    const from = Math.max(0, (found?.index ?? 0) - BEFORE), to = from + LENGTH;
    const line = document.createElement("p");
    line.className = "context";
    line.append(from > 0 ? "..." : "", text.slice(from, found?.index ?? from));
    if (found) {
      const mark = document.createElement("span");
      mark.className = "highlighted";
      mark.textContent = found[0];
      line.append(mark, text.slice(found.index + found[0].length, to));
    } else {
      line.append(text.slice(from, to));
    }
    line.append(to < text.length ? "..." : "");
    return line;
  }

  /** Add an excerpt to one result; those of the package's API have a description instead. */
  async function complete(result, wanted) {
    const link = result.querySelector("a");
    if (result.querySelector(":scope > span")) return;
    const [page, anchor] = link.getAttribute("href").split("#");
    const sections = await load(page.replace(/\.html$/, "")).catch(() => []);
    result.append(excerpt(sections, anchor, wanted) ?? "");
  }

  const query = new URLSearchParams(location.search).get("q");
  if (query) {
    const wanted = patterns(query);
    new MutationObserver((changes) => {
      for (const node of changes.flatMap((change) => [...change.addedNodes])) {
        if (node instanceof HTMLLIElement) complete(node, wanted);
      }
    }).observe(document.getElementById("search-results"), { childList: true, subtree: true });
  }
})();
