"""What 8 and 4 bits a weight cost, and how fast one thread writes: chapter 17's numbers.

    python book/tools/phone.py            # minutes; needs Playwright, Chromium and onnx
    python book/tools/phone.py speeds     # measures the speeds alone again

Three committed models of the study answer the first 100 test programs of each level with
16, 8 and 4 bits; bytes are those of the web file. Speed is measured on this machine, with
one thread: the page's engine in Chromium, PyTorch with its cache, ONNX without one.
Writes `results/phone/phone.json`.
"""

import functools
import http.server
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import torch

from curriculum import export, files, onnx, quantise
from curriculum.data.corpus import Corpus
from curriculum.data.tokenizer import CharTokenizer
from curriculum.evaluation import answers, fast, generate, stats
from curriculum.experiments import records

BOOK = Path(__file__).resolve().parent.parent
STUDY, OUT = BOOK / "results" / "study", BOOK / "results" / "phone" / "phone.json"
MODELS = ("baseline_s0", "hybrid_s0", "sequential_s0")
BITS, EACH = (16, 8, 4), 100  # programs a level
ROUNDS, MOST = 5, 120  # times each speed is measured; characters written
PAGE = """<!doctype html><script src="gpt.js"></script><script src="engine.js"></script>
<script>const models = [];
window.curriculumModel = (...texts) => models.push(texts);</script>"""
ASK = """async ([k, prompt, most, rounds]) => {
  const engine = new CurriculumEngine(), speeds = [];
  await engine.ask({ texts: models[k] });
  for (let i = 0; i <= rounds; i++)
    speeds.push((await engine.ask({ prompt, most })).speed);
  return [engine.kind, speeds.slice(1)];  // the first is compiled while it runs
}"""


def accuracy(model, corpus: Corpus, ids) -> dict:
    """task -> (right, total) of each program, answers that print nothing left out."""
    questions = [answers.Question(task) for task in answers.TASKS]
    found = {}
    for a in fast.ask(model, corpus, ids, questions):
        keep = np.ones(len(ids), bool) if a.empty is None else ~a.empty
        found[a.question.task] = np.stack([a.right[keep], a.total[keep]], 1)
    return found


def rounding(name: str, corpus: Corpus, ids) -> list[dict]:
    """One row for each number of bits and each task."""
    model, about = records.load_model(STUDY / f"{name}.safetensors")
    rows, whole = [], {}
    for bits in BITS:
        size = len(export.web(model, about, name, bits))
        for task, pair in accuracy(quantise.rounded(model, bits), corpus, ids).items():
            whole.setdefault(task, pair)
            both = np.column_stack([pair[:, 0] - whole[task][:, 0], pair[:, 1]])
            low, high = stats.bootstrap(both, _share)
            low, high = sorted((low, high))
            rows.append(
                {
                    "model": name,
                    "bits": bits,
                    "bytes": size,
                    "task": task,
                    "programs": len(pair),
                    "right": int(pair[:, 0].sum()),
                    "total": int(pair[:, 1].sum()),
                    "difference": _share(both),
                    "interval": [low, high],
                }
            )
            print(rows[-1], flush=True)
    return rows


def _share(values):
    return float(values[:, 0].sum() / values[:, 1].sum())


def speeds(name: str) -> list[dict]:
    """Characters a second with one thread, `ROUNDS` times each, slowest first."""
    model, about = records.load_model(STUDY / f"{name}.safetensors")
    tokenizer = CharTokenizer(about["alphabet"])
    prompt = "a = 3\nb = 4\nprint(a + b)\n# output\n"
    tokens = torch.from_numpy(tokenizer.encode(prompt))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for bits in BITS:
            text = export.web(model, about, name, bits)
            (Path(folder) / f"{bits}.js").write_text(text, encoding="utf-8")
        for kind, bits, measured in in_page(Path(folder), prompt):
            found.append(
                {"what": f"this page, {kind}", "bits": bits, "speed": measured}
            )
        opened = onnx.session(onnx.export(model, about, Path(folder) / "x.onnx"))
    count = len(tokens) + MOST - 1  # characters read and written
    ways = {
        "PyTorch": lambda: generate.generate(model.eval(), [tokens], MOST),
        "ONNX": lambda: onnx.write(opened, prompt, MOST, stop="\0"),
    }
    for what, write in ways.items():
        write()
        times = [_timed(write) for _ in range(ROUNDS)]
        found.append({"what": what, "bits": 32, "speed": [count / t for t in times]})
    torch.set_num_threads(threads)
    for row in found:
        row["speed"] = sorted(round(x) for x in row["speed"])
        print(row, flush=True)
    return found


def _timed(work):
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def in_page(folder: Path, prompt: str):
    """Yield (worker or page, bits, speeds) as Chromium measures them."""
    from playwright.sync_api import sync_playwright

    for name in ("gpt.js", "engine.js"):
        shutil.copy(BOOK / "assets" / "lab" / name, folder)
    scripts = "".join(f'<script src="{bits}.js"></script>' for bits in BITS)
    (folder / "index.html").write_text(PAGE + scripts, encoding="utf-8")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with sync_playwright() as playwright:
            program = shutil.which("chromium") or shutil.which("google-chrome")
            browser = playwright.chromium.launch(
                executable_path=program, args=["--no-sandbox"]
            )
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{server.server_port}/index.html")
            for k, bits in enumerate(BITS):
                kind, measured = page.evaluate(ASK, [k, prompt, MOST, ROUNDS])
                yield kind, bits, measured
            browser.close()
        server.shutdown()


def main() -> None:
    if sys.argv[1:] == ["speeds"]:
        found = files.read_json(OUT)
        found |= {"speeds": speeds("hybrid_s0"), "provenance": files.provenance()}
        print(files.write_json(OUT, found))
        return
    corpus = Corpus.load(STUDY / "test-programs")
    levels = np.unique(corpus.levels)
    ids = np.concatenate([np.flatnonzero(corpus.levels == x)[:EACH] for x in levels])
    found = {
        "what": "models of the study with 16, 8 and 4 bits a weight: accuracy, bytes, speed",
        "speeds": speeds("hybrid_s0"),
        "rounding": [row for name in MODELS for row in rounding(name, corpus, ids)],
        "programs": len(ids),
        "provenance": files.provenance(),
    }
    print(files.write_json(OUT, found))


if __name__ == "__main__":
    main()
