/* What one presses: buttons, pictures that are buttons, and rows of choices. */
(function () {
  "use strict";
  const lenet = (window.lenet = window.lenet || {});
  const { element } = lenet;

  function button(label, pressed, attributes = {}) {
    return element(
      "button",
      { type: "button", class: "lenet-button", onclick: pressed, ...attributes },
      label,
    );
  }

  /* A picture of one of the test digits. */
  function thumbnail(index, pressed, label) {
    const canvas = lenet.tile(lenet.FIELD, lenet.FIELD);
    lenet.paintInk(canvas, lenet.bytes(lenet.digits[index].pixels), 0, 255);
    return element(
      "button",
      {
        type: "button",
        class: "lenet-thumbnail",
        "aria-label": label,
        title: label,
        onclick: pressed,
      },
      canvas,
    );
  }

  /* Buttons of which Tab reaches one; from there arrow keys, Home and End go to the others. `fill`
     takes the buttons, and what else stands among them. */
  function toolbar(name, label) {
    const root = element("div", { class: name, role: "toolbar", "aria-label": label });
    const buttons = () => [...root.querySelectorAll("button")];
    const reach = (reached) => {
      for (const each of buttons()) each.tabIndex = each === reached ? 0 : -1;
    };
    const fill = (children) => {
      root.replaceChildren(...children);
      reach(buttons()[0]);
    };
    root.addEventListener("focusin", (event) => reach(event.target));
    root.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const all = buttons();
      const now = all.indexOf(document.activeElement);
      const steps = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };
      const goals = { Home: 0, End: all.length - 1 };
      const goal = goals[event.key] ?? now + steps[event.key];
      if (Number.isNaN(goal)) return;
      event.preventDefault(); // the page would scroll
      all[goal]?.focus();
    });
    return { root, fill };
  }

  let groups = 0; // radio buttons of one name are one group, on the whole page

  /* A row of choices, of which one holds; arrow keys go from one to the next. */
  function choice(label, names, chosen) {
    const group = element("div", {
      class: "lenet-choice",
      role: "radiogroup",
      "aria-label": label,
    });
    groups += 1;
    const name = `lenet-choice-${groups}`;
    const inputs = names.map((text, i) => {
      const input = element("input", {
        type: "radio",
        name,
        onchange: () => chosen(i),
      });
      group.append(element("label", {}, input, element("span", {}, text)));
      return input;
    });
    const choose = (i) => {
      inputs[i].checked = true;
      chosen(i);
    };
    const clear = () => inputs.forEach((input) => (input.checked = false));
    return { group, choose, clear };
  }

  Object.assign(lenet, { button, choice, thumbnail, toolbar });
})();
