// Turns the one-page book into one to be printed: title page, contents, chapters. Runs in the page.
// The contents are still without numbers: only a first print tells on which page a chapter begins.

(title) => {
  const article = document.querySelector("article");
  const copyright = document.querySelector(".bd-footer-content")?.innerText.trim() ?? "";

  // Sphinx puts the chapters into the welcome page, each after an empty span that names it.
  const welcome = article.querySelector("section");
  const names = [...article.querySelectorAll("span[id^='document-']")];
  const chapters = [welcome, ...names.map((name) => name.nextElementSibling)];
  names.forEach((name) => name.nextElementSibling.prepend(name));
  article.replaceChildren(...chapters);
  chapters.forEach((chapter) => chapter.classList.add("chapter"));

  // The chapters' titles are h2 below the welcome page's h1: let that be a chapter like the others.
  for (const level of [3, 2, 1]) {
    for (const heading of welcome.querySelectorAll(`h${level}`)) {
      const lower = document.createElement(`h${level + 1}`);
      lower.append(...heading.childNodes);
      heading.replaceWith(lower);
    }
  }

  // What was unique on its page is no longer: every chapter has an "exercises" and a footnote [1].
  const taken = new Set();
  chapters.forEach((chapter, number) => {
    const links = [...chapter.querySelectorAll("a[href*='#']:not([href*='://'])")];
    links.forEach((link) => link.setAttribute("href", link.hash));
    for (const place of [chapter, ...chapter.querySelectorAll("[id]")]) {
      const old = place.id;
      if (!taken.has(old)) { taken.add(old); continue; }
      place.id = `${number}-${old}`;
      links.filter((link) => decodeURIComponent(link.hash) === `#${old}`)
        .forEach((link) => link.setAttribute("href", `#${place.id}`));
    }
  });

  // Nothing can be unfolded on paper.
  document.querySelectorAll(".toggle-hidden").forEach((fold) => fold.classList.remove("toggle-hidden"));

  const cover = document.createElement("header");
  cover.className = "cover";
  cover.innerHTML = "<img alt=''><h1></h1><p></p>";
  cover.querySelector("img").src = document.querySelector("img.logo__image").src;
  cover.querySelector("img").alt = document.querySelector("img.logo__image").alt;
  cover.querySelector("h1").textContent = title;
  cover.querySelector("p").innerText = copyright;

  const contents = document.createElement("nav");
  contents.className = "book-contents";
  contents.innerHTML = "<h2>Contents</h2>";
  for (const heading of article.querySelectorAll(".chapter > h2, .chapter > section > h3")) {
    const line = document.createElement("a");
    line.className = heading.localName === "h2" ? "to-chapter" : "to-section";
    line.href = `#${heading.closest("section").id}`;
    line.innerHTML = "<span></span><span class='page'></span>";
    line.firstChild.textContent = heading.textContent.replace(/#$/, "");
    contents.append(line);
  }
  article.prepend(cover, contents);
  document.title = title;
}
