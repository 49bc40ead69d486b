/* A connection table to click: each cell is a button that connects a map of C3 with one of S2. */
(function () {
  "use strict";
  const lenet = (window.lenet = window.lenet || {});
  const { element } = lenet;

  class OwnTable {
    /* `changed` is called with the new table, a row of sources for each map of C3. */
    constructor(changed) {
      this.changed = changed;
      const label = "Connections: a column for each map of C3, a row for each map of S2";
      this.grid = element("div", { class: "lenet-own-table", role: "group", "aria-label": label });
      this.grid.addEventListener("keydown", (event) => this.key(event));
      this.status = element("p", { class: "lenet-muted", role: "status" });
      this.root = element("div", {}, this.grid, this.status);
    }

    show(rows) {
      if (!this.cells || this.cells.length !== rows.length) this.fill(rows.length);
      this.rows = rows.map((row) => [...row]);
      this.cells.forEach((column, map) => {
        column.forEach((cell, source) => {
          const isThere = rows[map].includes(source);
          cell.setAttribute("aria-pressed", isThere);
          cell.classList.toggle("is-there", isThere);
        });
      });
      const kernels = rows.flat().length;
      lenet.write(this.status, `${kernels} kernels; click a cell to make or cut a connection`);
    }

    fill(maps) {
      this.cells = Array.from({ length: maps }, (_, map) =>
        Array.from({ length: lenet.SOURCES }, (__, source) => this.cell(map, source)),
      );
      this.grid.style.setProperty("--columns", maps);
      const lines = [...Array(lenet.SOURCES).keys()].flatMap((source) =>
        this.cells.map((column) => column[source]),
      );
      this.grid.replaceChildren(...lines);
      this.reach(0, 0);
    }

    cell(map, source) {
      return element("button", {
        type: "button",
        class: "lenet-cell",
        tabindex: -1,
        "aria-label": `C3, map ${map} reads S2, map ${source}`,
        onclick: () => this.toggle(map, source),
        onfocus: () => this.reach(map, source),
      });
    }

    /* Tab reaches one cell; from there arrow keys go to the others. */
    reach(map, source) {
      for (const cell of this.cells.flat()) cell.tabIndex = -1;
      this.cells[map][source].tabIndex = 0;
      this.at = { map, source };
    }

    key(event) {
      const arrow = lenet.ARROWS[event.key];
      if (!arrow || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault(); // the page would scroll
      const map = lenet.clamp(this.at.map + arrow[0], 0, this.cells.length - 1);
      const source = lenet.clamp(this.at.source + arrow[1], 0, lenet.SOURCES - 1);
      this.cells[map][source].focus();
    }

    toggle(map, source) {
      const row = this.rows[map];
      if (row.length === 1 && row[0] === source) {
        lenet.write(this.status, "A map of C3 reads at least one map of S2.");
        return;
      }
      const all = [...Array(lenet.SOURCES).keys()];
      this.rows[map] = all.filter((each) => row.includes(each) !== (each === source));
      this.changed(this.rows);
    }
  }

  Object.assign(lenet, { OwnTable });
})();
