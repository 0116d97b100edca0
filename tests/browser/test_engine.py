"""The models and the interpreter in the page, against the package and Python itself."""

import contextlib
import io
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch

from curriculum.data import tinypy
from curriculum.data.corpus import Corpus
from curriculum.data.tokenizer import CharTokenizer
from curriculum.evaluation.generate import generate
from curriculum.experiments.records import load_model

STUDY = Path(__file__).resolve().parents[2] / "book" / "results" / "study"
MODELS = ("baseline_s0", "hybrid_s0", "sequential_s0")
EACH = 34  # programs a level

LOAD = """async (names) => {
  const base = document.baseURI.replace(/book\\/.*/, "_static/lab/");
  const script = (name) => new Promise((done, failed) => {
    const s = document.createElement("script");
    Object.assign(s, { src: base + name, onload: done, onerror: failed });
    document.head.append(s);
  });
  await script("gpt.js");
  await script("tinypy.js");
  window.gpt = curriculumGPT();
  window.tinypy = curriculumTinyPy();
  window.models = {};
  for (const name of names) {
    let texts;
    window.curriculumModel = (...given) => { texts = given; };
    await script(`models/${name}.js`);
    models[name] = await gpt.readModel(...texts);
  }
}"""
WRITE = """async ([name, prompts, most]) => {
  const { model, tokenizer } = models[name], stop = tokenizer.encode("\\n\\n");
  const answers = [];
  for (let i = 0; i < prompts.length; i++) {
    const tokens = tokenizer.encode(prompts[i]);
    answers.push(tokenizer.decode(await gpt.generate(model, tokens, most[i], stop, () => {})));
  }
  return answers;
}"""
LOGITS = """([name, text]) => {
  const { model, tokenizer } = models[name], cache = new gpt.KVCache(model.config);
  return tokenizer.encode(text).map((t) => Array.from(model.forward(t, cache)));
}"""
SPEED = """([name, text]) => {
  const { model, tokenizer } = models[name], tokens = tokenizer.encode(text), times = [];
  for (let round = 0; round < 12; round++) {
    const cache = new gpt.KVCache(model.config);
    for (const token of tokens) {
      const began = performance.now();
      model.forward(token, cache);
      times.push(performance.now() - began);
    }
  }
  return times.slice(tokens.length * 2);  // the first rounds are compiled while they run
}"""
RUN = "(codes) => codes.map((code) => tinypy.execute(code))"


@pytest.fixture(scope="module")
def engine(browser, address):
    page = browser.new_page()
    page.goto(address + "book/lab.html")
    page.evaluate(LOAD, list(MODELS))
    yield page
    page.close()


@pytest.fixture(scope="module")
def programs():
    """The first test programs of every level."""
    corpus = Corpus.load(STUDY / "test-programs")
    chosen = [
        np.flatnonzero(corpus.levels == x)[:EACH] for x in np.unique(corpus.levels)
    ]
    return [corpus[int(i)] for i in np.concatenate(chosen)]


@pytest.fixture(scope="module")
def trained():
    found = {name: load_model(STUDY / f"{name}.safetensors") for name in MODELS}
    return {
        name: (model.eval(), CharTokenizer(about["alphabet"]))
        for name, (model, about) in found.items()
    }


@pytest.mark.parametrize("name", MODELS)
def test_the_page_writes_what_the_package_writes(engine, programs, trained, name):
    if name != "baseline_s0":  # 200 programs for one model, and a part for the others
        programs = programs[::3]
    assert len(programs) >= (200 if name == "baseline_s0" else 60)
    model, tokenizer = trained[name]
    stop = tuple(tokenizer.encode("\n\n").tolist())
    most = [len(p.text) - len(p.prompt) + 16 for p in programs]
    prompts = [p.prompt for p in programs]
    expected = [
        tokenizer.decode(
            generate(model, [torch.from_numpy(tokenizer.encode(p))], m, stop)[0]
        )
        for p, m in zip(prompts, most, strict=True)
    ]
    found = []
    for i in range(0, len(prompts), 20):  # the page answers between the parts
        found += engine.evaluate(WRITE, [name, prompts[i : i + 20], most[i : i + 20]])
    assert found == expected
    right = sum(
        p.text == p.prompt + said for p, said in zip(programs, found, strict=True)
    )
    assert 0.2 < right / len(programs) < 0.8  # they are models, not tables of answers


def test_logits_are_those_of_the_package(engine, programs, trained, capsys):
    worst = 0.0
    for n, program in enumerate(programs[::6]):
        name = MODELS[n % 3]
        model, tokenizer = trained[name]
        tokens = torch.from_numpy(tokenizer.encode(program.text).astype(np.int64))
        with torch.no_grad():
            expected = model(tokens[None])[0].numpy()
        found = np.array(engine.evaluate(LOGITS, [name, program.text]))
        assert found.shape == expected.shape
        worst = max(worst, float(np.abs(found - expected).max()))
    with capsys.disabled():
        print(f"\nlargest logit difference from PyTorch: {worst:.2g}")
    assert worst < 1e-3


def test_the_speed_is_reported(engine, programs, capsys):
    """It depends on the machine and its neighbours, so it is printed and not judged."""
    text = max((p.text for p in programs), key=len)
    times = engine.evaluate(SPEED, ["hybrid_s0", text])
    tenth, half = 1000 / np.quantile(times, [0.1, 0.5])
    with capsys.disabled():
        print(f"\n{tenth:.0f} characters a second undisturbed, {half:.0f} as it was")
    assert len(times) > 20 and min(times) >= 0 < tenth


def python(code: str) -> tuple[str, str | None]:
    """(what CPython prints, without the last line break; the name of its error)."""
    said, error = io.StringIO(), None
    with contextlib.redirect_stdout(said):
        try:
            exec(code, {})
        except Exception as problem:
            error = type(problem).__name__
    return said.getvalue().removesuffix("\n"), error


def compare(engine, codes):
    """Assert that the page prints what Python prints; returns the errors by name."""
    errors = {}
    found = engine.evaluate(RUN, codes)
    for code, one in zip(codes, found, strict=True):
        output, error = python(code)
        theirs = one["error"] and one["error"]["kind"]
        assert (one["output"], theirs) == (output, error), code
        errors[error] = errors.get(error, 0) + 1
    return errors


def test_generated_programs_run_as_in_python(engine):
    """All variants and levels, 300 programs each."""
    codes = []
    for variant, about in tinypy.VARIANTS.items():
        for level in (*about.levels, "ALL"):
            rng = Random(f"{variant} {level}")
            codes += [tinypy.sample(level, rng, variant).code for _ in range(300)]
    assert len(set(codes)) > 5_000
    errors = compare(engine, codes)
    assert errors[None] > 5_000 and errors["ZeroDivisionError"] > 50


def test_undefined_names_are_found_as_in_python(engine):
    """Generated programs of which one first value is taken away."""
    rng, codes = Random(1), []
    while len(codes) < 500:
        lines = tinypy.sample("ALL", rng, "august").code.split("\n")
        if " = " in lines[0]:
            codes.append("\n".join(lines[1:]))
    errors = compare(engine, codes)
    assert errors["NameError"] > 100


def test_large_numbers_and_floats_are_rounded_as_in_python(engine):
    rng, codes = Random(2), []
    for _ in range(2_000):
        a, b, c = (rng.randrange(10 ** rng.randrange(1, 40)) for _ in range(3))
        signs = [rng.choice("+-*/") for _ in range(3)]
        codes.append(
            f"a = {a}\nb = a {signs[0]} {b}\nprint(b)\nc = (b {signs[1]} {c}) {signs[2]} -7"
            "\nprint(c)\nif b < c :\n\tprint(a / c)\nelif not b != c and a >= 0 :\n\tprint(b)"
        )
    errors = compare(engine, codes)
    assert errors[None] > 1_500


EDGES = [
    "print(1 / 3)",
    "print(0 / -3)",
    "print(1 / 100000)",
    "print(1 / 10000)",
    "print(1000000000000000 / 10)",
    "print(99999999999999999 / 10)",
    "print(2 * (3 + 4) * 5 - -4)",
    "a = 5\nb = - (2 + a)\nprint(b * b)",
    "x = 3\nwhile x > -2 :\n\tprint(x)\n\tx = x - 2",
    "for i in range(5, 0, -2) :\n\tprint(i)",
    "for i in range(3) :\n\tif i > 1 :\n\t\tprint(i)\n\telse :\n\t\tprint(0)\nprint(i)",
    "if 3 :\n    print(1)\nelse :\n    print(2)\n",
    "a = 1\n\n# a remark\nprint(a)  # another",
    "a = 3\nif a > 1 or b > 1 :\n\tprint(a)\nif a < 1 and b > 1 :\n\tprint(2)\nprint(b)",
    "print(3 < 4)\nprint(not 3 < 4)\nprint((3 < 4) + 1)",
]


def test_edges_run_as_in_python(engine):
    assert compare(engine, EDGES) == {None: len(EDGES) - 1, "NameError": 1}


WRONG = {
    "a = 3\nprnt(a)": "line 2: TinyPy has no “prnt” here",
    "a = 'x'": "line 1: TinyPy has no “'”",
    "a = 3\nprint(a": "line 2: “)” should stand where the end of the line is",
    "if 3 > 2 :\nprint(1)": "line 1: an indented line should follow",
    "a = 3\n\tprint(a)": "line 2: the line is indented too far",
    "print(len(3))": "line 1: TinyPy has no function “len”",
    "a = 1.5": "line 1: “1” must be a whole number",
    "else :\n\tprint(1)": "line 1: a variable, print, if, for or while should stand",
    "a = 1\nwhile a > 0 :\n\ta = a + 1": "stopped after 10,000 statements",
    "for i in range(1, 9, 0) :\n\tprint(i)": "line 1: the step of range is 0",
    "a = 007": "line 1: Python does not allow the zero",
    "a = b": "line 1: b has no value yet",
    "print(1 / 0)": "line 1: division by zero",
}


@pytest.mark.parametrize("code", WRONG)
def test_what_is_wrong_is_said_in_one_line(engine, code):
    (found,) = engine.evaluate(RUN, [code])
    assert WRONG[code] in found["error"]["message"]
    assert "\n" not in found["error"]["message"]
