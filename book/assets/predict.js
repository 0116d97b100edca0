// Predict, then reveal: under a box titled "Predict" a field for the reader's guess, and a
// button. Until it is pressed, the outputs of the cells that follow are hidden, and so is
// the paragraph after them, which reads the result. Without this script, and on paper,
// everything is visible.

document.addEventListener("DOMContentLoaded", () => {
  "use strict";
  const HIDDEN = "predict-hidden";

  /** What a box hides: the outputs of the next cells, and the first paragraph after. */
  function answersOf(box) {
    const found = [];
    let next = box.nextElementSibling;
    for (; next && next.matches("div.cell"); next = next.nextElementSibling)
      found.push(...next.querySelectorAll(":scope > .cell_output"));
    if (found.length && next && next.matches("p")) found.push(next);
    return found;
  }

  /** The browser's memory, where it lets us use it. */
  const memory = {
    get(key) {
      try { return localStorage.getItem(key); } catch { return null; }
    },
    set(key, value) {
      try { localStorage.setItem(key, value); } catch { /* kept until the page closes */ }
    },
  };

  const page = location.pathname.split("/").pop();
  let count = 0;
  for (const box of document.querySelectorAll(".bd-article div.admonition")) {
    const title = box.querySelector(":scope > .admonition-title");
    if (title?.textContent.trim() !== "Predict") continue;
    const answers = answersOf(box), key = `predict ${page} ${++count}`;
    if (!answers.length) continue;
    const row = document.createElement("form"), guess = document.createElement("input");
    const button = document.createElement("button");
    const said = document.createElement("span");
    row.className = "predict";
    guess.type = "text";
    guess.autocomplete = "off";
    guess.placeholder = "My guess";
    guess.setAttribute("aria-label", "My guess");
    guess.value = memory.get(key) || "";
    button.className = "lab-button";
    button.textContent = "Reveal";
    said.className = "sr-only";
    said.setAttribute("role", "status");
    answers.forEach((answer) => answer.classList.add(HIDDEN));
    guess.addEventListener("input", () => memory.set(key, guess.value));
    row.addEventListener("submit", (event) => {
      event.preventDefault();
      answers.forEach((answer) => answer.classList.remove(HIDDEN));
      button.remove();
      said.textContent = "The result is shown below.";
      window.dispatchEvent(new Event("resize")); // what drew itself while hidden
    });
    row.append(guess, button, said);
    box.append(row);
  }

  // A link to something hidden, such as a figure, shows it.
  function showTarget() {
    const id = decodeURIComponent(location.hash.slice(1));
    const part = id && document.getElementById(id)?.closest("." + HIDDEN);
    if (!part) return;
    part.classList.remove(HIDDEN);
    part.scrollIntoView();
  }
  window.addEventListener("hashchange", showTarget);
  showTarget();
});
