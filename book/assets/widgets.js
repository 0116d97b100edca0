// Loads the manager of widgets when a widget comes near the screen, or on paper.

(function () {
  "use strict";
  const address = document.currentScript.dataset.manager;
  const VIEW = 'script[type="application/vnd.jupyter.widget-view+json"]';
  let asked = false;

  function load() {
    if (asked) return;
    asked = true;
    // The manager waits for the page's "load" event, which is over: call it at once.
    const add = window.addEventListener;
    window.addEventListener = function (type, listener, ...rest) {
      if (type === "load") setTimeout(() => listener(new Event("load")));
      else add.call(window, type, listener, ...rest);
    };
    const script = document.createElement("script");
    script.src = address;
    script.onload = script.onerror = () => { window.addEventListener = add; };
    document.head.append(script);
  }

  window.addEventListener("load", () => {
    const places = [...document.querySelectorAll(VIEW)].map((e) => e.parentElement);
    if (!places.length) return;
    if (!("IntersectionObserver" in window)) return load();
    const near = new IntersectionObserver((found) => {
      if (found.some((e) => e.isIntersecting)) load();
    }, { rootMargin: "900px" });
    places.forEach((place) => near.observe(place));
    window.addEventListener("beforeprint", load);
  });
})();
