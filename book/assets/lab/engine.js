// Runs one model beside the page: in a worker made from the text of gpt.js, which a browser
// also allows on pages from file://. Where it allows no worker, the model runs in the page,
// in slices of 20 ms.

"use strict";

/** Answers messages about one model; runs in a worker, or here. */
function curriculumServe(gpt, post) {
  let found = null, stopped = false;
  return async ({ id, texts, prompt, most, stop }) => {
    if (stop) {
      stopped = true;
      return;
    }
    try {
      if (texts) {
        found = await gpt.readModel(...texts);
        post({ id, done: found.header });
        return;
      }
      stopped = false;
      const { model, tokenizer } = found, last = tokenizer.encode("\n")[0];
      const began = performance.now(), tokens = tokenizer.encode(prompt);
      const each = (step) => post({ id, step: {
        ...step,
        character: tokenizer.decode([step.token]),
        likeliest: step.likeliest.map(([t, p]) => [tokenizer.decode([t]), p]),
      } });
      const text = await gpt.generate(
        model, tokens, most, [last, last], each, () => stopped);
      const seconds = (performance.now() - began) / 1000;
      post({ id, done: { text: tokenizer.decode(text), stopped, seconds,
        speed: (tokens.length + text.length - 1) / seconds } });
    } catch (problem) {
      post({ id, error: problem.message });
    }
  };
}

class CurriculumEngine {
  constructor() {
    this.waiting = new Map();
    this.count = 0;
    const receive = (message) => this.receive(message);
    try {
      const source = `(${curriculumServe})((${curriculumGPT})(), (m) => postMessage(m))`;
      const text = `const serve = ${source}; onmessage = (e) => serve(e.data);`;
      const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
      const worker = new Worker(url);
      worker.onmessage = (event) => receive(event.data);
      worker.onerror = () => receive({ error: "the worker of this model has stopped" });
      this.send = (message) => worker.postMessage(message);
      this.close = () => worker.terminate();
      this.kind = "worker";
    } catch {
      const serve = curriculumServe(curriculumGPT(), receive);
      this.send = serve;
      this.close = () => {};
      this.kind = "page";
    }
  }
  receive({ id, step, done, error }) {
    for (const [key, ask] of this.waiting) {
      if (id !== undefined && key !== id) continue;
      if (step) return ask.each(step);
      this.waiting.delete(key);
      if (error) ask.failed(new Error(error));
      else ask.done(done);
    }
  }
  ask(message, each = () => {}) {
    const id = this.count++;
    return new Promise((done, failed) => {
      this.waiting.set(id, { each, done, failed });
      this.send({ id, ...message });
    });
  }
}
