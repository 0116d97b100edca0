// Draw your own curriculum: stages with a length and a share of each difficulty label, what
// a run then shows when, and a file that `python -m curriculum experiment` takes.
//
// The arithmetic is that of curriculum/ordering: `boundaries` of schedules.py, `_pool` of
// plan.py, and Python's rounding, where a half goes to the even neighbour.

function curriculumDraw() {
  "use strict";
  const LABELS = ["easy", "medium", "hard"];

  function round(x) {
    const low = Math.floor(x), rest = x - low;
    if (rest !== 0.5) return Math.round(x);
    return low % 2 ? low + 1 : low;
  }

  /** First step of each stage, and `steps` at the end. */
  function boundaries(stages, steps) {
    const total = stages.reduce((sum, s) => sum + s.length, 0), starts = [0];
    let passed = 0;
    for (const stage of stages) {
      passed += stage.length;
      starts.push(round((steps * passed) / total));
    }
    return starts;
  }

  /**
   * What a run would show. scale: { steps, batch, counts, characters, flops }, counts and
   * mean characters by label. Returns { stages: [{ steps, pool, epochs, members }], shown,
   * epochs, characters, flops }, by label where it matters, or { error }.
   */
  function plan(stages, scale) {
    const starts = boundaries(stages, scale.steps), found = [];
    const shown = Object.fromEntries(LABELS.map((label) => [label, 0]));
    for (const [i, stage] of stages.entries()) {
      if (!stage.selections.length)
        return { error: `Stage ${i + 1} shows nothing: give one label a share above 0.` };
      const members = Object.fromEntries(stage.selections.map(({ label, share }) =>
        [label, Math.max(1, round(share * scale.counts[label]))]));
      const pool = Object.values(members).reduce((a, b) => a + b, 0);
      const steps = starts[i + 1] - starts[i];
      if (steps < 1) return { error: `Stage ${i + 1} is shorter than one step: lengthen it.` };
      if (pool < scale.batch)
        return { error: `Stage ${i + 1} has ${pool} programs, fewer than one step's`
          + ` ${scale.batch}: raise a share.` };
      const drawn = steps * scale.batch;
      for (const [label, n] of Object.entries(members)) shown[label] += (drawn * n) / pool;
      found.push({ steps, pool, epochs: drawn / pool, members });
    }
    const epochs = Object.fromEntries(LABELS.map((l) => [l, shown[l] / scale.counts[l]]));
    const characters = LABELS.reduce((sum, l) => sum + shown[l] * scale.characters[l], 0);
    return { stages: found, shown, epochs, characters, flops: characters * scale.flops };
  }

  return { LABELS, boundaries, plan, round };
}

(function () {
  "use strict";
  const place = document.getElementById("lab-draw"), given = window.curriculumSchedules;
  if (!place || !given) return;
  const { h } = window.curriculumPage;
  const { LABELS, plan } = curriculumDraw();
  const MOST = 6; // stages
  const COLOURS = given.colours;

  let stages = [];
  const preset = h("select", { id: "draw-preset", onchange: () => begin() },
    ...Object.keys(given.presets).map((name) => h("option", { value: name }, name)));
  const scale = h("select", { id: "draw-scale", onchange: () => show() },
    ...Object.keys(given.scales).map((name) => h("option", { value: name }, name)));
  const name = h("input", { id: "draw-name", value: "drawn", maxlength: 40, size: 12,
    oninput: () => show() });
  const rows = h("div", { class: "draw-stages" });
  const add = h("button", { type: "button", class: "lab-button lab-quiet", onclick() {
    stages.push(structuredClone(stages.at(-1)));
    build();
  } }, "Add a stage");
  const picture = h("div", { class: "draw-picture" });
  const said = h("p", { class: "lab-status", role: "status" });
  const table = h("div", { class: "table-scroll", tabindex: "0", role: "region",
    "aria-label": "What the run shows" });
  const file = h("a", { class: "lab-button draw-file" }, "Save the schedule");
  const command = h("pre", { tabindex: "0", "aria-label": "Command that runs it" });
  place.replaceChildren(
    h("form", { onsubmit: (event) => event.preventDefault() },
      h("div", { class: "lab-row" },
        h("label", { for: "draw-preset" }, "Begin with ", preset),
        h("label", { for: "draw-scale" }, "Scale ", scale),
        h("label", { for: "draw-name" }, "Name ", name)),
      rows, h("div", { class: "lab-row" }, add), said),
    picture, table, h("p", {}, file), command);

  function begin() {
    stages = given.presets[preset.value].map(({ length, selections }) => ({
      length,
      end: selections[0].end,
      share: Object.fromEntries(LABELS.map((label) =>
        [label, selections.find((s) => s.label === label)?.share || 0])),
    }));
    build();
  }

  /** A slider with its name and its value in words. */
  function slider(id, text, value, least, most, step, change, words) {
    const output = h("output", { for: id }, words(value));
    const input = h("input", { type: "range", id, min: least, max: most, step, value,
      oninput() {
        change(Number(input.value));
        output.textContent = words(Number(input.value));
        show();
      } });
    return h("div", { class: "draw-slider" }, h("label", { for: id }, text), input, output);
  }

  function build() {
    rows.replaceChildren(...stages.map((stage, i) => h("fieldset", {},
      h("legend", {}, `Stage ${i + 1}`),
      slider(`draw-${i}-length`, "length", stage.length, 1, 120, 1,
        (x) => { stage.length = x; }, String),
      ...LABELS.map((label) => slider(`draw-${i}-${label}`, label, 100 * stage.share[label],
        0, 100, 5, (x) => { stage.share[label] = x / 100; }, (x) => `${x} %`)),
      h("div", { class: "lab-row" },
        h("label", { for: `draw-${i}-end` }, "of a part, the ", ends(stage, i)),
        h("button", { type: "button", class: "lab-button lab-quiet",
          disabled: stages.length === 1 ? "" : null,
          "aria-label": `Remove stage ${i + 1}`,
          onclick() {
            stages.splice(i, 1);
            build();
            add.focus();
          } }, "Remove")))));
    add.disabled = stages.length >= MOST;
    show();
  }

  function ends(stage, i) {
    const select = h("select", { id: `draw-${i}-end`, onchange() {
      stage.end = select.value;
      show();
    } }, ...given.ends.map((end) => h("option", { value: end }, end)));
    select.value = stage.end;
    return select;
  }

  /** The stages as the package writes them. */
  const asSchedule = () => stages.map(({ length, end, share }) => ({
    selections: LABELS.filter((label) => share[label] > 0)
      .map((label) => ({ label, share: share[label], end })),
    length,
  }));

  function show() {
    const about = given.scales[scale.value], found = plan(asSchedule(), about);
    const called = /^[A-Za-z0-9_-]+$/.test(name.value);
    const error = found.error
      || (called ? "" : "The name may have letters, digits, - and _ only.");
    said.classList.toggle("lab-wrong", Boolean(error));
    for (const part of [picture, table, file, command]) part.hidden = Boolean(error);
    if (error) {
      said.textContent = error;
      return;
    }
    const big = (x) => Math.round(x).toLocaleString("en");
    said.textContent = "Each program is shown "
      + LABELS.map((l) => `${found.epochs[l].toFixed(2)} times if ${l}`).join(", ")
      + `. Cost: about ${(found.characters / 1e6).toFixed(1)} million characters,`
      + ` ${found.flops.toExponential(1)} operations.`;
    draw(found, about);
    table.replaceChildren(h("table", { class: "book-table" },
      h("caption", {}, "What each stage draws from: its pool, how often it is gone through,"
        + " and the programs of each label in it."),
      h("thead", {}, h("tr", {}, ...["stage", "steps", "pool", "epochs", ...LABELS]
        .map((text) => h("th", {}, text)))),
      h("tbody", {}, ...found.stages.map((s, i) => h("tr", {},
        ...[i + 1, big(s.steps), big(s.pool), s.epochs.toFixed(2),
          ...LABELS.map((l) => big(s.members[l] || 0))].map((x) => h("td", {}, String(x))))))));
    const text = JSON.stringify({ name: name.value, stages: asSchedule() }, null, 1) + "\n";
    file.href = `data:application/json;charset=utf-8,${encodeURIComponent(text)}`;
    file.download = `${name.value}.json`;
    command.textContent = "python -m curriculum experiment"
      + ` schedule=${name.value}.json scale=${scale.value}`;
  }

  /** Steps from left to right; the height of a band is its share of what is shown. */
  function draw(found, about) {
    const W = Math.max(300, Math.min(700, place.clientWidth)); // letters keep their size
    const svg = h("svg", { viewBox: `0 0 ${W} 170`, role: "img",
      "aria-label": "Shares of easy, medium and hard programs over the run; the numbers stand"
        + " in the table below" });
    let x = 0;
    for (const s of found.stages) {
      const width = (W * s.steps) / about.steps;
      let y = 150;
      for (const label of LABELS) {
        const part = (s.members[label] || 0) / s.pool, height = 150 * part;
        if (!height) continue;
        y -= height;
        svg.append(h("rect", { x, y, width, height, fill: COLOURS[label], stroke: "#fff" },
          h("title", {}, `${label}: ${(100 * part).toFixed(0)} % of this stage`)));
        if (width > 60 && height > 14)
          svg.append(h("text", { x: x + 6, y: y + 13, "font-size": 12,
            fill: label === "easy" ? "#000" : "#fff" }, label));
      }
      x += width;
    }
    svg.append(h("text", { x: 0, y: 166, "font-size": 12, fill: "currentColor" }, "step 0"),
      h("text", { x: W, y: 166, "font-size": 12, "text-anchor": "end",
        fill: "currentColor" }, `step ${about.steps.toLocaleString("en")}`));
    picture.replaceChildren(svg);
  }

  begin();
  window.addEventListener("resize", show);
})();
