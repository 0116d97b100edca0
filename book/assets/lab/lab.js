// The laboratory page: asks the models, shows what they answer, and where they look.
//
// - Nothing is loaded before it is asked for: the other scripts with the first question, a
//   model with the first question to it. Scripts are used because they also load from
//   file://.
// - engine.js runs each model in a worker of its own.
// - Written characters are buttons: the arrow keys go from one to the next, and the choice
//   is what probabilities and attention are shown of.

(function () {
  "use strict";
  const LARGEST = 40e6; // bytes of a reader's own file

  // --- small helpers -----------------------------------------------------------------

  const { h, script, modelTexts } = window.curriculumPage;
  const SEEN = { "\n": "⏎", "\t": "⇥", " ": "␣" };
  const SPOKEN = { "\n": "line break", "\t": "tab", " ": "space" };
  const seen = (c) => SEEN[c] || c;
  const spoken = (c) => SPOKEN[c] || `“${c}”`;
  const percent = (p) =>
    p > 0.9995 ? "over 99.9 %" : p < 0.0005 ? "under 0.1 %" : `${(100 * p).toFixed(1)} %`;

  // --- the page ----------------------------------------------------------------------

  const lab = document.getElementById("lab"), own = document.getElementById("lab-own");
  const { models: NAMES, levels: LEVELS } = window.curriculumExamples || {};
  if (!lab || !LEVELS) return;
  const LEVEL_TEXT = { 1.1: "arithmetic", 1.2: "brackets", 2.1: "if", 2.2: "chained conditions",
    3.1: "for", 3.2: "for, with arithmetic" };

  const models = new Map(); // key -> { name, box, engine, texts }
  let asking = false;

  const option = (value, text) => h("option", { value }, text);
  const level = h("select", { id: "lab-level", onchange: () => fillExamples() },
    ...Object.keys(LEVELS).sort().map((l) => option(l, `${l} ${LEVEL_TEXT[l] || ""}`)));
  const example = h("select", { id: "lab-example", onchange: () => fillProgram() });
  const program = h("textarea", { id: "lab-program", rows: 7, spellcheck: "false",
    autocapitalize: "off", autocomplete: "off", "aria-describedby": "lab-hint" });
  const task = (value, text, checked) => h("label", {},
    h("input", { type: "radio", name: "lab-task", value, checked, onchange: () => fillProgram() }),
    " " + text);
  const chosenTask = () => lab.querySelector("[name=lab-task]:checked").value;
  const boxes = h("div", { class: "lab-choices" });
  const ask = h("button", { type: "submit", class: "lab-button" }, "Ask the models");
  const stop = h("button", { type: "button", class: "lab-button lab-quiet", disabled: true,
    onclick: () => models.forEach((m) => m.engine?.send({ stop: true })) }, "Stop");
  const status = h("p", { class: "lab-status", role: "status" });
  const truth = h("div", { class: "lab-truth" });
  const cards = h("div", { class: "lab-cards" });
  const detail = h("section", { class: "lab-detail", "aria-label": "The chosen character",
    hidden: true });

  const form = h("form", { onsubmit: (event) => { event.preventDefault(); question(); } },
    h("div", { class: "lab-row" },
      h("label", { for: "lab-level" }, "Level ", level),
      h("label", { for: "lab-example" }, "Example ", example)),
    h("label", { for: "lab-program" }, "Program"), program,
    h("p", { id: "lab-hint", class: "lab-hint" },
      "Spaces at the start of a line become tabs, as in the programs the models have read."),
    h("fieldset", {}, h("legend", {}, "Task"),
      task("predict", "predict what it prints", true),
      task("complete", "go on writing")),
    h("fieldset", {}, h("legend", {}, "Models"), boxes),
    h("div", { class: "lab-row" }, ask, stop), status);
  lab.replaceChildren(form, truth, cards, detail);
  for (const [key, name] of Object.entries(NAMES)) addModel(key, name, null);

  function addModel(key, name, engine) {
    const box = h("input", { type: "checkbox", name: "lab-model", value: key, checked: true });
    boxes.append(h("label", {}, box, " " + name));
    models.set(key, { name, box, engine });
  }

  function fillExamples() {
    example.replaceChildren(...LEVELS[level.value].map((_, i) => option(i, i + 1)));
    fillProgram();
  }

  /** Put the chosen example into the field; to be gone on with, only its beginning. */
  function fillProgram() {
    const [code] = LEVELS[level.value][example.value];
    const lines = code.split("\n");
    const first = lines.slice(0, Math.ceil(lines.length / 2)).join("\n");
    program.value = chosenTask() === "complete" ? first + "\n" : code;
  }
  fillExamples();

  function say(text, wrong = false) {
    status.textContent = text;
    status.classList.toggle("lab-wrong", wrong);
  }

  /** As the models know programs: tabs, one kind of line break. */
  const asRead = (text) =>
    text.replace(/\r\n?/g, "\n").replace(/^[ \t]+/gm, (s) =>
      "\t".repeat(Math.max(1, Math.round(s.replace(/\t/g, "    ").length / 4))));

  const commented = (output) =>
    (output ? output.split("\n").map((line) => `# ${line}\n`).join("") : "") + "\n";

  async function question() {
    if (asking) return;
    const chosen = [...models].filter(([, m]) => m.box.checked);
    if (!chosen.length) return say("No model is chosen: tick at least one.", true);
    asking = ask.disabled = true;
    stop.disabled = false;
    detail.hidden = true;
    truth.replaceChildren();
    cards.replaceChildren();
    say("Loading …");
    try {
      await Promise.all(["gpt.js", "engine.js", "tinypy.js"].map(script));
      const work = curriculumTinyPy();
      const predict = chosenTask() === "predict";
      let text = asRead(program.value), expected = null;
      if (predict) {
        text = text.trimEnd().replace(/\n# output$/, "");
        if (!text.trim()) throw new Error("The program is empty: choose an example or write one.");
        const { output, error } = work.execute(text);
        if (error) throw new Error(`The program does not run. ${capital(error.message)}.`);
        truth.append(h("p", {}, "It prints"), h("pre", { tabindex: "0",
          "aria-label": "true output" }, output || "(nothing)"));
        expected = commented(output);
        text += "\n# output\n";
      } else if (!text) throw new Error("The field is empty: write how the program begins.");
      const most = expected === null ? Infinity : expected.length + 16;
      const asked = chosen.map(([key, m]) => one(key, m, text, most, expected, work));
      const found = await Promise.all(asked);
      const right = found.filter((x) => x === true).length;
      const failed = found.filter((x) => x === null).length;
      say(failed === found.length ? "No model could answer; the reason stands below."
        : `Done: ${right} of ${found.length} right.`);
    } catch (problem) {
      say(problem.message, true);
    }
    asking = ask.disabled = false;
    stop.disabled = true;
  }

  const capital = (text) => text[0].toUpperCase() + text.slice(1);

  /** Ask one model and show its card; true if it is right, null if it could not answer. */
  async function one(key, m, prompt, most, expected, work) {
    const written = h("div", { class: "lab-written", role: "group",
      "aria-label": `Characters written by ${m.name}` });
    const verdict = h("p", { class: "lab-verdict" }, "loading …");
    cards.append(h("section", { class: "lab-card", "data-model": key, "aria-label": m.name },
      h("h3", {}, m.name), written, verdict));
    try {
      if (!m.engine) {
        const engine = new CurriculumEngine();
        await engine.ask({ texts: await modelTexts(key) });
        m.engine = engine;
      }
      verdict.textContent = "reading …";
      const steps = [];
      const answer = await m.engine.ask({ prompt, most: Math.min(most, 1e6) }, (step) => {
        steps.push(step);
        written.append(...character(m, prompt, steps, steps.length - 1));
      });
      const judged = judge(prompt, answer, expected, work);
      verdict.replaceChildren(...judged.words,
        h("small", {}, ` ${Math.round(answer.speed)} characters a second`));
      verdict.dataset.speed = answer.speed;
      written.dataset.text = answer.text;
      mark(written, judged.mistake);
      return judged.right;
    } catch (problem) {
      verdict.textContent = capital(problem.message) + ".";
      verdict.classList.add("lab-wrong");
      return null;
    }
  }

  /** { right, mistake: place of the first wrong character or -1, words }. */
  function judge(prompt, answer, expected, work) {
    const written = answer.text, full = prompt + written;
    if (answer.stopped) return { right: false, mistake: -1, words: ["Stopped. "] };
    let begin = 0, intro = "";
    if (expected === null) {
      const at = full.indexOf("\n# output\n");
      if (at < 0)
        return { right: false, mistake: -1, words: ["It wrote no line “# output”. "] };
      const { output, error } = work.execute(full.slice(0, at));
      if (error)
        return { right: false, mistake: -1,
          words: [h("strong", {}, "✗ The program it wrote does not run. "),
            capital(error.message) + ". "] };
      begin = at + "\n# output\n".length - prompt.length;
      expected = commented(output);
      intro = `The program it wrote prints ${output.replace(/\n/g, ", ") || "nothing"}. `;
    }
    const said = written.slice(Math.max(begin, 0));
    if (said === expected)
      return { right: true, mistake: -1, words: [intro, h("strong", {}, "✓ Right. ")] };
    let i = 0;
    while (i < said.length && said[i] === expected[i]) i++;
    const reason = i < said.length
      ? `it wrote ${spoken(said[i])}, right is ${spoken(expected[i] || "\n")}. `
      : `it ended where ${spoken(expected[i])} should follow. `;
    return { right: false, mistake: i < said.length ? Math.max(begin, 0) + i : -1,
      words: [intro, h("strong", {}, `✗ Wrong from character ${Math.max(begin, 0) + i + 1}: `),
        reason] };
  }

  // --- characters that were written -----------------------------------------------------

  function character(m, prompt, steps, i) {
    const { character: c, probability: p } = steps[i];
    const show = () => explain(m, prompt, steps, i);
    const button = h("button", { type: "button", class: "lab-character",
      tabindex: i ? "-1" : "0", "aria-label": `${spoken(c)}, ${percent(p)}`,
      title: `${spoken(c)}: ${percent(p)}`, style: `--doubt: ${(1 - p).toFixed(3)}`,
      onclick: show, onfocus: show, onmouseenter: show, onkeydown: walk }, seen(c));
    return c === "\n" ? [button, h("br")] : [button];
  }

  /** Arrow keys, Home and End go through the characters of an answer. */
  function walk(event) {
    const all = [...event.target.parentElement.querySelectorAll("button")];
    const at = all.indexOf(event.target);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = all[Math.min(Math.max(to, 0), all.length - 1)];
    event.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }

  function mark(written, mistake) {
    const button = written.querySelectorAll("button")[mistake];
    if (!button) return;
    button.classList.add("lab-mistake");
    button.setAttribute("aria-label", button.getAttribute("aria-label") + ", first mistake");
  }

  // --- probabilities and attention ------------------------------------------------------

  const layer = h("select", { id: "lab-layer", onchange: () => draw() });
  const head = h("select", { id: "lab-head", onchange: () => draw() });
  const sentence = h("p", { class: "lab-sentence" });
  const code = h("pre", { class: "lab-attention", tabindex: "0",
    "aria-label": "Attention over the text" });
  const summary = h("p", { class: "lab-summary", "aria-live": "polite" });
  detail.append(sentence,
    h("div", { class: "lab-row" },
      h("label", { for: "lab-layer" }, "Layer ", layer),
      h("label", { for: "lab-head" }, "Head ", head)),
    summary, code);
  let current = null;

  function explain(m, prompt, steps, i) {
    const step = steps[i];
    current = { step, text: prompt + steps.slice(0, i).map((s) => s.character).join("") };
    detail.hidden = false;
    cards.querySelectorAll("[data-chosen]").forEach((e) => e.removeAttribute("data-chosen"));
    const card = [...cards.children].find((e) => models.get(e.dataset.model) === m);
    card?.querySelectorAll("button")[i]?.setAttribute("data-chosen", "");
    const others = step.likeliest.filter(([c]) => c !== step.character).slice(0, 2)
      .map(([c, p]) => `${spoken(c)} ${percent(p)}`).join(", ");
    sentence.textContent = `${m.name}, character ${i + 1}: ${spoken(step.character)},`
      + ` probability ${percent(step.probability)}. Next likeliest: ${others}.`;
    const renew = (select, n, all) => {
      const wanted = all ? n + 1 : n;
      if (select.options.length === wanted) return;
      const options = Array.from({ length: n }, (_, k) => option(k, k + 1));
      select.replaceChildren(...(all ? [option("mean", "all, mean")] : []), ...options);
    };
    const first = !layer.options.length;
    renew(layer, step.attention.length, false);
    if (first) layer.selectedIndex = step.attention.length >> 1; // the middle one
    renew(head, step.attention[0].length, true);
    draw();
  }

  function draw() {
    const { step, text } = current;
    const heads = step.attention[layer.value];
    const weights = head.value === "mean"
      ? heads[0].map((_, s) => heads.reduce((sum, w) => sum + w[s], 0) / heads.length)
      : heads[head.value];
    const top = Math.max(...weights);
    code.replaceChildren(...Array.from(text, (c, s) => h("span", {
      style: `--weight: ${(weights[s] / top).toFixed(3)}`,
      title: `${spoken(c)}: ${percent(weights[s])}`,
    }, c === "\n" ? "⏎\n" : c === "\t" ? "⇥\t" : c)));
    const order = Array.from(weights.keys()).sort((a, b) => weights[b] - weights[a]);
    const where = (s) => `${spoken(text[s])} in line ${text.slice(0, s).split("\n").length}`
      + ` (${percent(weights[s])})`;
    summary.textContent = "To write it, this attention reads most from "
      + order.slice(0, 3).map(where).join(", ") + ".";
  }

  // --- a reader's own model ---------------------------------------------------------------

  if (own) {
    const said = h("p", { class: "lab-status", role: "status" });
    const file = h("input", { type: "file", id: "lab-file", accept: ".js,text/javascript",
      onchange: () => bring(file.files[0]) });
    const zone = h("div", { class: "lab-drop",
      ondragover: (event) => { event.preventDefault(); zone.classList.add("lab-over"); },
      ondragleave: () => zone.classList.remove("lab-over"),
      ondrop: (event) => {
        event.preventDefault();
        zone.classList.remove("lab-over");
        bring(event.dataTransfer.files[0]);
      } },
      h("label", { for: "lab-file" }, "Your model file "), file);
    own.replaceChildren(zone, said);

    async function bring(given) {
      if (!given) return;
      said.classList.remove("lab-wrong");
      said.textContent = "Reading …";
      try {
        if (given.size > LARGEST) throw new Error("it is larger than 40 MB");
        await Promise.all(["gpt.js", "engine.js"].map(script));
        const texts = curriculumGPT().textsOf(await given.text());
        const engine = new CurriculumEngine();
        const header = await engine.ask({ texts }).catch((problem) => {
          engine.close();
          throw problem;
        });
        const name = `${header.name} (yours)`;
        addModel(`own-${models.size}`, name, engine);
        said.textContent = `${name} is among the models above; ask them again.`;
      } catch (problem) {
        said.textContent = `${given.name}: ${problem.message}.`;
        said.classList.add("lab-wrong");
      }
      file.value = "";
    }
  }
})();
