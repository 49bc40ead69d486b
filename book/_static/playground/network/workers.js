/* Parts: scripts that run in the page and in its workers.

   A page from file:// may neither fetch a script's text nor start a worker from a file. But a function
   tells its own text, and a worker can be started from text: so each script that a worker needs is a
   function, which is remembered here when it runs. */
(function () {
  "use strict";
  const lenet = (self.lenet = self.lenet || {});

  const parts = [];

  /* Let a script run in the workers, too. */
  function remember(part) {
    parts.push(part);
  }

  /* Start a worker in which all parts have run, and `main` after them. */
  function startWorker(main) {
    const calls = [...parts, main].map((script) => `(${script})();`);
    const text = `self.lenet = { remember() {} };\n${calls.join("\n")}`;
    const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    const worker = new Worker(address);
    URL.revokeObjectURL(address);
    return worker;
  }

  Object.assign(lenet, { remember, startWorker });
})();
