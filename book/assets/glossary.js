// Words of the glossary: the link's title as a card, for pointer, keyboard and touch.
// Without this script the links work, and the browser shows the title in its own way.

document.addEventListener("DOMContentLoaded", () => {
  "use strict";
  const links = document.querySelectorAll("a.term[title]");
  if (!links.length) return;
  const card = document.createElement("div");
  card.className = "term-card";
  card.id = "term-card";
  card.setAttribute("role", "tooltip");
  card.hidden = true;
  document.body.append(card);
  let shown = null;

  function show(link) {
    shown = link;
    card.textContent = link.dataset.definition;
    card.hidden = false;
    link.setAttribute("aria-describedby", card.id);
    const at = link.getBoundingClientRect(), width = card.offsetWidth;
    const left = Math.min(at.left, document.documentElement.clientWidth - width - 8);
    card.style.left = `${Math.max(8, left) + scrollX}px`;
    const above = at.top - card.offsetHeight - 6;
    card.style.top = `${(above > 60 ? above : at.bottom + 6) + scrollY}px`;
  }

  function hide() {
    shown?.removeAttribute("aria-describedby");
    shown = null;
    card.hidden = true;
  }

  for (const link of links) {
    link.dataset.definition = link.title;
    link.removeAttribute("title"); // else two cards
    link.addEventListener("mouseenter", () => show(link));
    link.addEventListener("mouseleave", hide);
    link.addEventListener("focus", () => show(link));
    link.addEventListener("blur", hide);
    link.addEventListener("click", (event) => {
      // The first touch shows the card, the second follows the link.
      if (matchMedia("(hover: none)").matches && link.dataset.touched !== "yes") {
        event.preventDefault();
        show(link);
        links.forEach((other) => delete other.dataset.touched);
        link.dataset.touched = "yes";
      }
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("a.term")) hide();
  });
});
