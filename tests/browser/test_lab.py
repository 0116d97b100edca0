"""The laboratory, used as a reader would: by mouse, by keyboard alone, on a phone."""

import json
import re

import lab
import pytest
from test_engine import MODELS, STUDY

from curriculum import export
from curriculum.data.corpus import Program
from curriculum.experiments.records import load_model
from curriculum.model import GPT, GPTConfig

LAB = "book/lab.html"
WAIT = 120_000  # milliseconds; a busy machine is slow
SUM = "a = 3\nb = 4\nprint(a + b)"


def ask(page, code=None):
    """Press the button; returns the last line of the status."""
    if code is not None:
        page.fill("#lab-program", code)
    page.click("#lab button[type=submit]")
    page.wait_for_selector("#lab button[type=submit]:enabled", timeout=WAIT)
    return page.inner_text("#lab .lab-status")


def written(page):
    """model -> the text it wrote."""
    cards = page.locator(".lab-card").all()
    return {
        c.get_attribute("data-model"): c.locator(".lab-written").get_attribute(
            "data-text"
        )
        for c in cards
    }


@pytest.fixture(scope="module")
def answers():
    """The package's answer of each model to a program."""
    from curriculum.data.tokenizer import CharTokenizer

    models = {}
    for name in MODELS:
        model, about = load_model(STUDY / f"{name}.safetensors")
        models[name] = (model.eval(), CharTokenizer(about["alphabet"]))
    return lambda program: {
        name: lab.answer(model, tokenizer, program)
        for name, (model, tokenizer) in models.items()
    }


@pytest.mark.parametrize(
    "view",
    [
        {"width": 1280, "scheme": "light"},
        {"width": 390, "scheme": "dark"},
        {"width": 1280, "scheme": "dark", "from_file": True},
    ],
)
def test_the_models_answer_as_the_package_does(visit, answers, view):
    page = visit(LAB, **view)
    assert "Done" in ask(page, SUM)
    expected = answers(Program(SUM, "7", "1.1"))
    assert written(page) == expected
    assert page.inner_text(".lab-truth pre") == "7"
    right = sum(text == "# 7\n\n" for text in expected.values())
    assert page.inner_text("#lab .lab-status") == f"Done: {right} of 3 right."
    assert page.evaluate("document.documentElement.scrollWidth") <= view["width"]


def test_nothing_heavy_is_loaded_before_it_is_asked_for(visit):
    asked = []
    page = visit(LAB)
    assert page.evaluate("typeof curriculumGPT") == "undefined"
    page.on("request", lambda request: asked.append(request.url.rsplit("/", 1)[1]))
    for box in page.locator("[name=lab-model]").all()[1:]:
        box.uncheck()
    ask(page, SUM)
    ask(page, "a = 2\nprint(a)")
    files = [name for name in asked if name.endswith(".js")]
    assert sorted(files) == ["baseline_s0.js", "engine.js", "gpt.js", "tinypy.js"]


def test_every_example_has_its_true_output(visit):
    page = visit(LAB)
    page.evaluate(
        "document.querySelectorAll('[name=lab-model]').forEach(b => b.click())"
    )
    assert "tick at least one" in ask(page)
    page.locator("[name=lab-model]").first.check()
    examples = page.evaluate("curriculumExamples.levels")
    assert sorted(examples) == ["1.1", "1.2", "2.1", "2.2", "3.1", "3.2"]
    for level, programs in examples.items():
        page.select_option("#lab-level", level)
        page.select_option("#lab-example", index=3)
        code, output = programs[3]
        assert page.input_value("#lab-program") == code
        ask(page)
        assert page.inner_text(".lab-truth pre") == output
        said = written(page)["baseline_s0"]
        words = page.inner_text(".lab-verdict")
        wanted = "".join(f"# {line}\n" for line in output.split("\n")) + "\n"
        assert ("Right" in words) is (said == wanted)
        assert page.locator(".lab-mistake").count() == (said != wanted)


def test_the_first_mistake_is_marked(visit, answers):
    """A program of level 1.1 that the models get wrong: its first wrong character."""
    page = visit(LAB)
    code, output = page.evaluate("curriculumExamples.levels['1.1'][0]")
    ask(page, code)
    found = answers(Program(code, output, "1.1"))
    truth = f"# {output}\n\n"
    for name, said in found.items():
        if said == truth:
            continue
        at = next(i for i, c in enumerate(said) if c != truth[i : i + 1])
        card = page.locator(f".lab-card[data-model={name}]")
        marked = card.locator(".lab-mistake")
        assert marked.get_attribute("aria-label").endswith("first mistake")
        assert (
            card.locator("button")
            .nth(at)
            .get_attribute("aria-label")
            .startswith(f"“{said[at]}”")
        )
        assert f"from character {at + 1}" in card.locator(".lab-verdict").inner_text()


def test_by_keyboard_alone(visit):
    """From the program to a head of a layer, without a pointer."""
    page = visit(LAB)
    page.focus("#lab-level")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "lab-program"
    page.keyboard.press("Control+A")
    page.keyboard.type(SUM.replace("+", "*"))
    for _ in range(5):  # task, three models, button
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Ask the models"
    page.keyboard.press("Enter")
    page.wait_for_selector("#lab button[type=submit]:enabled", timeout=WAIT)
    assert page.inner_text(".lab-truth pre") == "12"
    assert page.locator("#lab [role=status]").inner_text().startswith("Done")
    page.focus(".lab-card .lab-character")
    for key in ("ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    assert "character 3:" in page.inner_text(".lab-sentence")
    page.keyboard.press("Home")
    assert "character 1: “#”" in page.inner_text(".lab-sentence")
    page.keyboard.press("End")
    assert "line break" in page.inner_text(".lab-sentence")
    page.focus("#lab-layer")
    before = page.inner_text(".lab-summary")
    page.keyboard.press("ArrowDown")
    assert page.input_value("#lab-layer") == "4"  # from the middle one to the next
    assert page.inner_text(".lab-summary") != before
    # a card is one stop on the way of the Tab key, not one for every character
    stops = page.locator(".lab-card").first.locator("button[tabindex='0']")
    assert stops.count() == 1


def test_probabilities_and_attention_are_those_of_the_model(visit):
    """Layer 2, head 3, and the probability of the third character, from PyTorch."""
    import numpy as np
    import torch

    from curriculum.data.tokenizer import CharTokenizer

    page = visit(LAB)
    ask(page, SUM)
    said = written(page)["hybrid_s0"]
    page.locator(".lab-card[data-model=hybrid_s0] button").nth(2).focus()
    page.select_option("#lab-layer", index=1)
    page.select_option("#lab-head", index=3)
    model, about = load_model(STUDY / "hybrid_s0.safetensors")
    text = SUM + "\n# output\n" + said[:2]
    tokenizer = CharTokenizer(about["alphabet"])
    tokens = torch.from_numpy(tokenizer.encode(text).astype(np.int64))[None]
    seen = {}

    def look(layer, inputs):
        q, k, _ = layer.project(inputs[0])
        scores = q[0, 2, -1] @ k[0, 2].T / q.shape[-1] ** 0.5
        seen["weights"] = scores.softmax(-1)

    model.blocks[1].attention.register_forward_pre_hook(look)
    with torch.no_grad():
        p = model(tokens)[0, -1].softmax(-1)
    chance = float(p[tokenizer.encode(said[2])[0]])
    shown = re.search(
        r"probability (?:over )?([\d.]+) %", page.inner_text(".lab-sentence")
    )
    assert float(shown[1]) == pytest.approx(100 * chance, abs=0.11)
    top = int(seen["weights"].argmax())
    summary = page.inner_text(".lab-summary")
    first = re.search(r"most from (.+?) in line (\d+) \(([\d.]+) %", summary)
    assert int(first[2]) == text[:top].count("\n") + 1
    assert float(first[3]) == pytest.approx(100 * float(seen["weights"][top]), abs=0.06)
    assert page.locator(".lab-attention span").count() == len(text)


def test_a_program_is_gone_on_with(visit):
    """The models write the rest; what they claim is held against a run of what they wrote."""
    page = visit(LAB)
    page.check("[name=lab-task][value=complete]")
    page.fill("#lab-program", "a = 3\nprint(")
    ask(page)
    for name, text in written(page).items():
        verdict = page.inner_text(f".lab-card[data-model={name}] .lab-verdict")
        code, _, claimed = ("a = 3\nprint(" + text).partition("\n# output\n")
        outcome = page.evaluate("(code) => curriculumTinyPy().execute(code)", code)
        if outcome["error"]:
            assert "does not run" in verdict
        else:
            assert ("Right" in verdict) is (claimed == f"# {outcome['output']}\n\n")


INVALID = {
    "a = 3\nprnt(a)": "line 2: TinyPy has no “prnt”",
    "print(a)": "line 1: a has no value yet",
    "   ": "empty",
    "a = 1\nwhile a > 0 :\n    a = a + 1": "stopped after 10,000 statements",
}


@pytest.mark.parametrize("code", INVALID)
def test_invalid_input_is_one_clear_line(visit, code):
    page = visit(LAB)
    said = ask(page, code)
    assert INVALID[code].lower() in said.lower()
    assert "\n" not in said and page.locator(".lab-card").count() == 0


def test_what_a_model_cannot_read_is_said_on_its_card(visit):
    page = visit(LAB)
    said = ask(page, "z = 3\nprint(z)")
    assert "No model could answer" in said
    words = page.locator(".lab-verdict").first.inner_text()
    assert "line 1: the model has never seen the character “z”" in words.lower()
    long = "\n".join(["a = 1"] * 45) + "\nprint(a)"
    ask(page, long)
    assert "at most 256" in page.locator(".lab-verdict").first.inner_text()
    assert "Done" in ask(page, SUM)  # and it still works


def test_spaces_become_tabs_as_the_models_know_them(visit, answers):
    page = visit(LAB)
    code = "a = 3\nif a > 1 :\n    print(a)"
    ask(page, code)
    expected = answers(Program(code.replace("    ", "\t"), "3", "2.1"))
    assert written(page) == expected


def small(
    tmp_path, name="mine", alphabet="\t\n !#()*+,-./0123456789:<=>abcdefgilnoprstu"
):
    """A model file of another shape, as the command writes it."""
    model = GPT(GPTConfig(len(alphabet), 64, 2, 3, 12), seed=1)
    path = tmp_path / f"{name}.js"
    path.write_text(export.web(model, {"alphabet": alphabet}, name), encoding="utf-8")
    return path


@pytest.mark.parametrize("from_file", [False, True])
def test_a_model_of_ones_own_answers_beside_ours(visit, tmp_path, from_file):
    page = visit(LAB, from_file=from_file)
    page.set_input_files("#lab-file", small(tmp_path))
    page.wait_for_function("document.querySelectorAll('[name=lab-model]').length == 4")
    assert "mine (yours)" in page.inner_text("#lab-own .lab-status")
    ask(page, "a = 3\nprint(a)")
    text = written(page)["own-3"]
    back, header = export.read_web(small(tmp_path).read_text(encoding="utf-8"))
    import torch

    from curriculum.data.tokenizer import CharTokenizer
    from curriculum.evaluation.generate import generate

    tokenizer = CharTokenizer(header["alphabet"])
    prompt = torch.from_numpy(tokenizer.encode("a = 3\nprint(a)\n# output\n"))
    stop = tuple(tokenizer.encode("\n\n").tolist())
    (new,) = generate(back, [prompt], len("# 3\n\n") + 16, stop)
    assert text == tokenizer.decode(new)


def test_a_dropped_file_is_read_too(visit, tmp_path):
    page = visit(LAB)
    data = page.evaluate_handle(
        """(text) => {
          const data = new DataTransfer();
          data.items.add(new File([text], "dropped.js"));
          return data;
        }""",
        small(tmp_path).read_text(encoding="utf-8"),
    )
    page.dispatch_event(".lab-drop", "drop", {"dataTransfer": data})
    page.wait_for_function("document.querySelectorAll('[name=lab-model]').length == 4")


def test_a_wrong_or_damaged_file_is_one_clear_line(visit, tmp_path):
    page = visit(LAB)
    good = small(tmp_path).read_text(encoding="utf-8")
    inside = json.loads("[" + good[len(export.CALL) : good.rindex(")")] + "]")
    header = json.loads(inside[0])

    def altered(weights=None, **changes):
        """A file whose digest is right, but whose header says something else."""
        text = json.dumps({**header, **changes})
        packed = weights or inside[1]
        texts = [text, packed, export._digest(text, packed)]
        return export.CALL + ",\n".join(map(json.dumps, texts)) + ");\n"

    half = len(good) // 2
    flipped = good[:half] + ("b" if good[half] == "a" else "a") + good[half + 1 :]
    files = {
        "image.png": ("\x00\x01 not a model", "no model for this page"),
        "empty.js": ("", "no model for this page"),
        "alert.js": ("window.ran = 1; curriculumModel(1)", "no model for this page"),
        "cut.js": (good[: len(good) // 2], "no model for this page"),
        "flipped.js": (flipped, "does not match its digest"),
        "format.js": (altered(format="other"), "has the format “other”"),
        "shape.js": (
            altered(config={**header["config"], "n_embd": 7}),
            "not a multiple",
        ),
        "huge.js": (
            altered(config={**header["config"], "n_layer": 10**9}),
            "n_layer is",
        ),
        "torn.js": (altered(weights="0" * len(inside[1])), "cannot be unpacked"),
        "names.js": (altered(tensors=header["tensors"][1:]), "does not fit its shape"),
        "letters.js": (altered(alphabet="ab"), "does not have 43 characters"),
    }
    for name, (text, reason) in files.items():
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        page.set_input_files("#lab-file", path)
        page.wait_for_function(
            "(name) => document.querySelector('#lab-own .lab-status')"
            ".textContent.startsWith(name)",
            arg=f"{name}:",
        )
        said = page.inner_text("#lab-own .lab-status")
        assert reason in said and "\n" not in said, (name, said)
    assert page.locator("[name=lab-model]").count() == 3
    assert page.evaluate("window.ran") is None  # a stranger's file is not run


def test_a_missing_model_file_is_said(visit):
    """The book was copied without its folder of models."""
    page = visit(LAB, check=False)
    page.route("**/models/*.js", lambda route: route.abort())
    ask(page, SUM)
    words = page.locator(".lab-verdict").first.inner_text()
    assert "could not be loaded" in words


def test_without_workers_the_page_answers_itself(visit, answers):
    page = visit(LAB)
    page.evaluate("() => { window.Worker = () => { throw new Error('blocked'); }; }")
    ask(page, SUM)
    assert written(page) == answers(Program(SUM, "7", "1.1"))


def test_without_javascript_the_answers_can_be_read(visit):
    page = visit(LAB, java_script_enabled=False, check=False)
    assert page.get_by_text("The laboratory needs JavaScript.").is_visible()
    table = page.inner_text("table.book-table")
    assert "test programs that print something" in table and table.count("right") > 3
