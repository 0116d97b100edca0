// "On your phone": the hybrid model with 16, 8 and 4 bits a weight, measured on the reader's
// own device beside the numbers of the book. The models are loaded when asked for.

(function () {
  "use strict";
  const place = document.getElementById("lab-phone");
  if (!place) return;
  const { h, script, modelTexts } = window.curriculumPage;
  const { prompt, truth, most, rounds, rows } = JSON.parse(place.dataset.committed);
  const status = h("p", { class: "lab-status", role: "status" });
  const start = h("button", { type: "button", class: "lab-button", onclick: measure },
    "Measure on this device");
  const cells = rows.map((row) => ({ speed: h("td", {}, "—"), said: h("td", {}, "—"), ...row }));
  place.replaceChildren(
    h("p", {}, start), status,
    h("div", { class: "table-scroll", tabindex: "0", role: "region", "aria-label": "Speed here and there" },
      h("table", { class: "book-table" },
        h("caption", {}, "One thread, hybrid model, seed 0; characters a second, median."),
        h("thead", {}, h("tr", {}, ...["bits", "megabytes", "in the book", "on your device", "writes"]
          .map((x) => h("th", { scope: "col" }, x)))),
        h("tbody", {}, ...cells.map((c) => h("tr", {}, h("td", {}, c.bits),
          h("td", {}, (c.bytes / 1e6).toFixed(2)), h("td", {}, c.book), c.speed, c.said))))));

  const median = (x) => [...x].sort((a, b) => a - b)[x.length >> 1];

  async function measure() {
    start.disabled = true;
    status.classList.remove("lab-wrong");
    try {
      await Promise.all(["gpt.js", "engine.js"].map(script));
      for (const c of cells) {
        status.textContent = `Loading the model of ${c.bits} bits …`;
        const engine = new CurriculumEngine();
        await engine.ask({ texts: await modelTexts(c.model) });
        status.textContent = `Measuring with ${c.bits} bits …`;
        const answer = await engine.ask({ prompt, most: truth.length + 16 });
        const speeds = [];
        for (let i = 0; i < rounds; i++) speeds.push((await engine.ask({ prompt, most })).speed);
        engine.close();
        c.speed.textContent = Math.round(median(speeds));
        c.said.replaceChildren(h("code", {}, answer.text.trim() || "(nothing)"),
          answer.text === truth ? " right" : " wrong");
      }
      status.textContent = `Done: ${cells.map((c) => `${c.speed.textContent} with ${c.bits} bits`)
        .join(", ")} characters a second.`;
    } catch (problem) {
      status.textContent = problem.message;
      status.classList.add("lab-wrong");
    }
    start.disabled = false;
  }
})();
