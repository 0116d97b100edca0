// What the pages need beyond the theme. No framework, no network.

// The widget manager still speaks MathJax 2: it queues ["Typeset", Hub, element].
// Pass that on to MathJax 3, which replaces its own global while it starts.
(function () {
  "use strict";
  function shim() {
    const mathjax = window.MathJax;
    if (!mathjax || mathjax.Hub || !mathjax.startup) return;
    mathjax.Hub = {
      Config() {},
      Queue(...jobs) {
        for (const job of jobs) {
          if (!Array.isArray(job) || job[0] !== "Typeset") continue;
          const element = job[2] || document.body;
          mathjax.startup.promise = mathjax.startup.promise
            .then(() => mathjax.typesetPromise([element]))
            .catch((error) => console.error(error));
        }
      },
    };
  }
  // Deferred scripts, MathJax among them, have run when this event fires; the
  // widget manager starts later, on "load".
  document.addEventListener("DOMContentLoaded", shim);
  window.addEventListener("load", shim, { capture: true });
})();

// A formula that is wider than a phone scrolls in itself; the keyboard has to reach it, too.
(function () {
  "use strict";
  function reach() {
    for (const formula of document.querySelectorAll('mjx-container[display="true"]')) {
      if (formula.scrollWidth > formula.clientWidth) formula.tabIndex = 0;
      else formula.removeAttribute("tabindex");
    }
  }
  window.addEventListener("load", () => {
    const startup = window.MathJax && window.MathJax.startup;
    if (startup && startup.promise) startup.promise.then(reach);
  });
  window.addEventListener("resize", reach);
})();

// Entries of the bibliography say what they are; as a list, they would have to be items.
document.addEventListener("DOMContentLoaded", () => {
  "use strict";
  for (const list of document.querySelectorAll('.citation-list[role="list"]')) {
    list.removeAttribute("role");
  }
});

// Search results show a passage of the article; by default they would show the
// page's menus, which come first in the same element.
document.addEventListener("DOMContentLoaded", () => {
  "use strict";
  if (typeof Search === "undefined") return;
  Search.htmlToText = (html, anchor) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    const article = page.querySelector("article.bd-article") || page.body;
    const part = anchor && article.querySelector("#" + CSS.escape(anchor.slice(1)));
    const text = part || article;
    text.querySelectorAll("script, style, .headerlink").forEach((e) => e.remove());
    return text.textContent.replace(/\s+/g, " ").trim();
  };
});

// A page opened from a file cannot save another file: the browser would show the notebook
// as text. There its twin is loaded, a script that holds it, and the browser saves that.
document.addEventListener("click", (event) => {
  "use strict";
  const link = event.target.closest("a.btn-download-source-button[download]");
  if (!link || link.protocol !== "file:") return;
  event.preventDefault();
  const script = document.createElement("script");
  script.src = link.href + ".js";
  script.onload = () => {
    const save = document.createElement("a");
    const type = "application/x-ipynb+json";
    save.href = URL.createObjectURL(new Blob([window.bookNotebook], { type }));
    save.download = link.pathname.split("/").pop();
    save.click();
    URL.revokeObjectURL(save.href);
    script.remove();
  };
  script.onerror = () => window.open(link.href);
  document.body.append(script);
});

// On paper every folded part is open.
(function () {
  "use strict";
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll(".bd-article details:not([open])")];
    opened.forEach((part) => { part.open = true; });
  });
  window.addEventListener("afterprint", () => {
    opened.forEach((part) => { part.open = false; });
  });
})();
