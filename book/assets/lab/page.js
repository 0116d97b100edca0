// What every widget of the book needs: elements, and scripts that are loaded when asked for.
// Scripts are used, and not fetch, because they also load from file://.

window.curriculumPage = (function () {
  "use strict";
  const HERE = document.currentScript.src.replace(/[^/]*$/, "");
  const SVG = ["svg", "g", "path", "rect", "line", "circle", "text", "title"];

  /** An element: h("p", { class: "a", onclick: f }, "text", other). */
  function h(tag, properties, ...children) {
    const element = SVG.includes(tag) ? document.createElementNS("http://www.w3.org/2000/svg", tag)
      : document.createElement(tag);
    for (const [name, value] of Object.entries(properties || {})) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value === true) element.setAttribute(name, "");
      else if (value !== false && value != null) element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }

  const loaded = new Map();
  /** Load a script of this folder once. */
  function script(name) {
    if (!loaded.has(name))
      loaded.set(name, new Promise((done, failed) => {
        const fail = () => {
          loaded.delete(name);
          failed(new Error(`${name} could not be loaded; is the whole folder there?`));
        };
        document.head.append(h("script", { src: HERE + name, onload: done, onerror: fail }));
      }));
    return loaded.get(name);
  }

  let queue = Promise.resolve();
  /** The three texts of a model of the book. One at a time: they share a function name. */
  function modelTexts(key) {
    const job = queue.then(async () => {
      let texts = null;
      window.curriculumModel = (...given) => { texts = given; };
      await script(`models/${key}.js`);
      loaded.delete(`models/${key}.js`);
      return texts;
    });
    queue = job.catch(() => {});
    return job;
  }

  return { h, script, modelTexts };
})();
