// "Score a program": a field for any Python text, its scores, and what each line adds.
// Tokens, grammar, scorers and the reference of the CDM are loaded with the first question.

(function () {
  "use strict";
  const place = document.getElementById("lab-score");
  if (!place) return;
  const { h, script } = window.curriculumPage;
  const LONGEST = 200_000; // characters; longer texts would stop the page for seconds
  const EXAMPLE = `def fizz(n):
    """Numbers, and words for some of them."""
    for i in range(1, n + 1):
        if i % 15 == 0:
            print("FizzBuzz")
        elif i % 3 == 0 or i % 5 == 0:
            print("Fizz" if i % 3 == 0 else "Buzz")
        else:
            print(i)
`;

  const text = h("textarea", { id: "score-program", rows: 10, spellcheck: "false",
    autocapitalize: "off", autocomplete: "off", "aria-describedby": "score-hint" });
  text.value = EXAMPLE;
  const status = h("p", { class: "lab-status", role: "status" });
  const found = h("div", {});
  place.replaceChildren(
    h("form", { onsubmit: (event) => { event.preventDefault(); ask(); } },
      h("label", { for: "score-program" }, "Python program"), text,
      h("p", { id: "score-hint", class: "lab-hint" },
        "Any program that Python 3.11 can read. It is not run, and stays on your device."),
      h("div", { class: "lab-row" },
        h("button", { type: "submit", class: "lab-button" }, "Score it")), status),
    found);

  let scorer = null;
  async function ask() {
    found.replaceChildren();
    status.classList.remove("lab-wrong");
    status.textContent = "Reading …";
    try {
      if (!text.value.trim()) throw new Error("The field is empty: paste a program.");
      if (text.value.length > LONGEST) throw new Error("More than 200,000 characters: paste a part.");
      const parts = ["python_tokens.js", "python.js", "score.js", "cdm.js"];
      await Promise.all(parts.map(script));
      scorer = scorer || curriculumScorer();
      show(scorer.score(text.value, window.curriculumCDM));
    } catch (problem) {
      const reason = problem.message[0].toUpperCase() + problem.message.slice(1);
      status.textContent = problem.line ? `No score: ${problem.message}.` : reason;
      status.classList.add("lab-wrong");
    }
  }

  const shown = (x) => Number.isInteger(x) ? x.toLocaleString("en") : x.toFixed(2);
  const table = (name, caption, head, rows) =>
    h("div", { class: "table-scroll", tabindex: "0", role: "region", "aria-label": name },
      h("table", { class: "book-table" }, h("caption", {}, caption),
        h("thead", {}, h("tr", {}, ...head.map((x) => h("th", { scope: "col" }, x)))),
        h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map((x) => h("td", {}, x)))))));

  function show({ scores, counts, labels, rows, source }) {
    const s = scores, { n1, n2, N1, N2 } = counts;
    status.textContent = `Done: ${labels.om_radon} by radon's count, ${labels.om_token} by tokens.`;
    const score = (name, radon, token) => [name, radon, token];
    const hd = `${n1} / 2 × ${N2} / ${n2} = ${shown(s.halstead_token)}`;
    found.replaceChildren(
      table("Scores of the program", "The paper cuts the Overall Metric (OM) at 2 and 4:"
        + " below 2 is easy, from 4 on hard.", ["score", "radon", "ours, over tokens"], [
        score("cyclomatic complexity (CC)", shown(s.cyclomatic_radon), shown(s.cyclomatic)),
        score("Halstead difficulty (HD)", shown(s.halstead_radon), n2 ? hd : "0"),
        score("OM = (CC + HD) / 2", shown(s.om_radon), shown(s.om_token)),
        score("level", h("strong", {}, labels.om_radon), h("strong", {}, labels.om_token)),
      ]),
      h("p", { class: "score-sizes" }, `${shown(s.lines)} lines, ${shown(s.characters)} characters and `
        + `${shown(s.tokens)} tokens of code; nested ${shown(s.depth)} deep. `
        + `CDM ${s.cdm.toFixed(3)}: each of its views says which share of this book's test `
        + `programs is easier; unfamiliarity is ${s.unfamiliarity.toFixed(2)} bits a construct.`),
      table("What each line adds", "What each line adds: paths to the cyclomatic complexity,"
        + ` which begins at 1; operators and operands (${N1} and ${N2}) to the Halstead difficulty.`,
        ["line", "paths (radon)", "paths (ours)", "operators", "operands", "decisions", "code"],
        rows.map(([line, r]) => [line, r.radon, r.ours, r.operators, r.operands,
          r.why.join(", "), h("code", {}, source.split("\n")[line - 1])])));
    Object.assign(found.dataset, { scores: JSON.stringify(scores) });
  }
})();
