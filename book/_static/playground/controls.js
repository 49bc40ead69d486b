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
    return { group, choose };
  }

  Object.assign(lenet, { button, choice, thumbnail });
})();
