// "Watch it learn": a scrubber over the steps of two runs. The answers were computed
// beforehand (book/tools/watch.py) and are loaded when the button is pressed.

(function () {
  "use strict";
  const place = document.getElementById("lab-watch");
  if (!place) return;
  const { h, script } = window.curriculumPage;
  const NAMES = { baseline: "shuffled", hybrid: "hybrid" };
  const status = h("p", { class: "lab-status", role: "status" });
  const begin = h("button", { type: "button", class: "lab-button", onclick: load },
    "Watch two models learn");
  place.replaceChildren(begin, status);

  async function load() {
    try {
      status.textContent = "Loading …";
      await script("watch.js");
      build(window.curriculumWatch);
    } catch (problem) {
      status.textContent = problem.message;
      status.classList.add("lab-wrong");
    }
  }

  function build({ programs, arms }) {
    const steps = arms.baseline.map((s) => s.step), words = (i) => steps[i].toLocaleString("en");
    const program = h("select", { id: "watch-program", onchange: show },
      ...programs.map((p, i) => h("option", { value: i }, `${p.level}: ${p.code.split("\n").at(-1).trim()}`)));
    const scrubber = h("input", { type: "range", id: "watch-step", min: 0, max: steps.length - 1,
      value: 0, step: 1, oninput: show });
    const shown = h("output", { for: "watch-step" });
    const code = h("pre", { tabindex: "0", "aria-label": "Program" });
    const cards = h("div", { class: "lab-cards" });
    place.replaceChildren(
      h("form", { onsubmit: (event) => event.preventDefault() },
        h("div", { class: "lab-row" }, h("label", { for: "watch-program" }, "Program ", program)), code,
        h("div", { class: "watch-slider" }, h("label", { for: "watch-step" }, "Training step"),
          scrubber, shown)),
      cards, status);
    show();

    function show() {
      const i = Number(scrubber.value), p = programs[program.value], said = [];
      shown.textContent = words(i);
      scrubber.setAttribute("aria-valuetext", `step ${words(i)}`);
      code.textContent = `${p.code}\n\n# prints ${p.output.replace(/\n/g, ", ")}`;
      cards.replaceChildren(...Object.entries(arms).map(([arm, run]) => {
        const { answers, right } = run[i], answer = answers[program.value];
        const verdict = answer === p.output ? "right" : "wrong";
        said.push(`${NAMES[arm]} ${verdict}`);
        return h("section", { class: "lab-card", "aria-label": NAMES[arm], "data-arm": arm },
          h("h3", {}, NAMES[arm]),
          h("pre", { tabindex: "0", "aria-label": `Answer of ${NAMES[arm]}` }, answer || "(nothing)"),
          h("p", { class: "lab-verdict" }, h("strong", {}, verdict === "right" ? "✓ Right" : "✗ Wrong")),
          h("table", { class: "watch-levels" }, h("caption", {}, "Test programs right, by level"),
            h("tbody", {}, ...Object.entries(right).map(([level, [n, of]]) => h("tr", {},
              h("th", { scope: "row" }, level),
              h("td", {}, h("span", { class: "watch-bar", "aria-hidden": "true",
                style: `--share: ${(n / of).toFixed(3)}` })),
              h("td", {}, `${Math.round((100 * n) / of)} %`))))));
      }));
      status.textContent = `Step ${words(i)}: ${said.join(", ")}.`;
    }
  }
})();
