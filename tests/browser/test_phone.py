"""Fewer bits in the page are fewer bits in the package; the device; models that learn."""

import json

import numpy as np
import pytest
import torch
import watch
from test_engine import LOAD, STUDY, WRITE
from test_lab import LAB, WAIT

from curriculum import files, quantise
from curriculum.data.corpus import Corpus
from curriculum.data.tokenizer import CharTokenizer
from curriculum.evaluation.generate import generate
from curriculum.experiments.records import load_model

CHAPTER = "book/17-on-your-phone.html"
RESULTS = STUDY.parent


@pytest.mark.parametrize("bits", [8, 4])
def test_a_rounded_model_writes_what_the_package_writes(visit, bits):
    """48 programs, and every weight, bit by bit."""
    page = visit(LAB)
    name = f"hybrid_s0_int{bits}"
    page.evaluate(LOAD, [name])
    model, about = load_model(STUDY / "hybrid_s0.safetensors")
    model = quantise.rounded(model, bits).eval()
    wanted = model.blocks[2].mlp[2].weight.detach().numpy().reshape(-1)
    found = page.evaluate(
        "(name) => Array.from(models[name].model.blocks[2].mlp[1].weight)", name
    )
    assert np.array_equal(np.array(found, np.float32), wanted)
    tokenizer, corpus = (
        CharTokenizer(about["alphabet"]),
        Corpus.load(STUDY / "test-programs"),
    )
    ids = [np.flatnonzero(corpus.levels == x)[:8] for x in np.unique(corpus.levels)]
    programs = [corpus[int(i)] for i in np.concatenate(ids)]
    most = [len(p.text) - len(p.prompt) + 16 for p in programs]
    stop = tuple(tokenizer.encode("\n\n").tolist())
    said = page.evaluate(WRITE, [name, [p.prompt for p in programs], most])
    for program, n, text in zip(programs, most, said, strict=True):
        prompt = torch.from_numpy(tokenizer.encode(program.prompt))
        (new,) = generate(model, [prompt], n, stop)
        assert text == tokenizer.decode(new.tolist())


@pytest.mark.parametrize(
    "view",
    [
        {"width": 1280},
        {"width": 390, "scheme": "dark"},
        {"width": 1280, "from_file": True},
    ],
)
def test_the_device_is_measured_beside_the_book(visit, view):
    page = visit(CHAPTER, **view)
    names = page.evaluate("[...document.scripts].map((s) => s.src)")
    assert not any("models/" in name for name in names)
    page.locator("#lab-phone button").focus()
    page.keyboard.press("Enter")
    page.wait_for_function(
        "document.querySelector('#lab-phone .lab-status').textContent.startsWith('Done')",
        timeout=WAIT,
    )
    rows = page.locator("#lab-phone tbody tr").all()
    cells = [row.locator("td").all_inner_texts() for row in rows]
    assert [row[0] for row in cells] == ["16", "8", "4"]
    kept = files.read_json(RESULTS / "phone" / "phone.json")
    for row, known in zip(cells, kept["speeds"], strict=False):
        assert row[2] == str(sorted(known["speed"])[2])
        assert int(row[3]) > 0 and row[4].endswith(("right", "wrong"))
    assert page.evaluate("document.documentElement.scrollWidth") <= view["width"]


@pytest.mark.parametrize("view", [{"width": 1280}, {"width": 390, "scheme": "dark"}])
def test_two_models_are_watched_while_they_learn(visit, view):
    page = visit(LAB, **view)
    kept = watch.watched()
    loaded = page.evaluate("[...document.scripts].map((s) => s.src)")
    assert not any(name.endswith("watch.js") for name in loaded)
    page.locator("#lab-watch button").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#watch-step")
    page.select_option("#watch-program", index=8)
    page.focus("#watch-step")
    for i, early in enumerate(kept["arms"]["hybrid"]):
        card = page.locator("#lab-watch [data-arm=hybrid]")
        answer = early["answers"][8]
        assert card.locator("pre").text_content() == (answer or "(nothing)")
        right = answer == kept["programs"][8]["output"]
        words = "right" if right else "wrong"
        assert f"hybrid {words}" in page.inner_text("#lab-watch .lab-status")
        n, of = early["right"]["1.1"]
        shares = card.locator("tr").first.inner_text()
        assert f"{int(100 * n / of + 0.5)} %" in shares
        step = page.locator("#watch-step").get_attribute("aria-valuetext")
        assert step == f"step {early['step']:,}"
        if i + 1 < len(kept["arms"]["hybrid"]):
            page.keyboard.press("ArrowRight")
    assert page.evaluate("document.documentElement.scrollWidth") <= view["width"]


def test_without_javascript_a_figure_shows_the_runs(visit):
    page = visit(LAB, java_script_enabled=False, check=False)
    figure = page.locator(".watch-figure svg")
    assert figure.is_visible() and figure.get_attribute("role") == "img"
    assert page.locator(".watch-figure polyline").count() == 12


def test_a_damaged_file_of_fewer_bits_is_refused(visit):
    from curriculum import export
    from curriculum.model import GPT, GPTConfig

    page = visit(LAB)
    page.evaluate("() => curriculumPage.script('gpt.js')")
    text = export.web(GPT(GPTConfig(3, 8, 1, 1, 6)), {"alphabet": "abc"}, "x", 4)
    inside = json.loads("[" + text[len(export.CALL) : text.rindex(")")] + "]")
    header = json.loads(inside[0])
    for change, reason in (
        ({"bits": 3}, "with 3 bits"),
        ({"bits": 8}, "too few or too many weights"),
        ({"format": "curriculum-web-1"}, "with 4 bits"),
    ):
        changed = json.dumps({**header, **change})
        given = [changed, inside[1], export._digest(changed, inside[1])]
        said = page.evaluate(
            "(texts) => curriculumGPT().readModel(...texts).catch((e) => e.message)",
            given,
        )
        assert reason in said
