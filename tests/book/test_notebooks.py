"""Contract of the notebooks, the tool that writes them, and the cell that installs.

The rules are in `book/tools/contract.py`; here every notebook is read against each of
them, and each rule is shown a planted fault, so that a green run means something.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import contract
import install_cell
import nbformat
import notebook
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

ROOT = Path(__file__).resolve().parents[2]

PATHS = sorted((ROOT / "book").glob("*.ipynb"))
URL, BRANCH = install_cell.repository()


# --- the notebooks ---------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_notebook_keeps_the_contract(path):
    assert contract.check(path, URL, BRANCH) == []


def test_figure_names_are_unique_in_the_book():
    names = [
        cell.metadata["mystnb"]["figure"]["name"]
        for path in PATHS
        for cell in nbformat.read(path, as_version=4).cells
        if cell.metadata.get("mystnb", {}).get("figure", {}).get("name")
    ]
    assert sorted(names) == sorted(set(names))


# --- planted faults --------------------------------------------------------------

FIGURE = {
    "mystnb": {
        "figure": {"caption": "Loss against steps (n = 1).", "name": "fig-00-loss"},
        "image": {"alt": "A line that falls from three to one in a hundred steps."},
    }
}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="  # noqa: E501
SOLUTION = {"tags": ["hide-cell"], "mystnb": {"code_prompt_show": "Show solution"}}


def good():
    """A small chapter that keeps the whole contract."""
    text = new_output("stream", name="stdout", text="3\n")
    picture = new_output("display_data", data={"image/png": PNG, "text/plain": "<F>"})
    exercise = ":::{exercise} Count ●○○\nCount to three.\n:::"
    cells = [
        new_markdown_cell("# A title\n\nA question?"),
        new_markdown_cell(":::{admonition} In this chapter\nYou count.\n:::"),
        new_code_cell("print(3)", outputs=[text]),
        new_markdown_cell("## A section\n\nText, `# no heading`, $x^2$."),
        new_code_cell("plt.show()", outputs=[picture], metadata=FIGURE),
        new_markdown_cell("## Key takeaways\n\n- One."),
        new_markdown_cell("## Exercises\n\n" + "\n\n".join([exercise] * 3)),
        *(new_code_cell(f"print({n})", metadata=SOLUTION) for n in range(3)),
        new_markdown_cell("## Further reading\n\nNothing."),
    ]
    nb = notebook.normalise(new_notebook(cells=cells), "00-x.ipynb")
    code = (cell for cell in nb.cells if cell.cell_type == "code")
    for count, cell in enumerate(code, start=1):
        cell.execution_count = count
    return nb


def code(nb, start):
    """The first code cell whose source starts with `start`."""
    return next(
        c for c in nb.cells if c.cell_type == "code" and c.source.startswith(start)
    )


def prose(nb, start):
    return next(c for c in nb.cells if c.source.startswith(start))


def problems(nb, tmp_path):
    path = tmp_path / "00-x.ipynb"
    path.write_text(notebook.dumps(nb), encoding="utf-8")
    return contract.check(path)


def test_a_good_chapter_has_no_problem(tmp_path):
    assert problems(good(), tmp_path) == []


def fault(function):
    """Register a function that breaks a good notebook; its docstring is the finding."""
    FAULTS.append(pytest.param(function, id=function.__name__))
    return function


FAULTS: list = []


@fault
def out_of_order(nb):
    "execution count 9"
    code(nb, "print(3)").execution_count = 9


@fault
def never_run(nb):
    "execution count None"
    code(nb, "print(3)").execution_count = None


@fault
def stored_error(nb):
    "stored error ValueError"
    error = new_output("error", ename="ValueError", evalue="x", traceback=[])
    code(nb, "print(3)").outputs = [error]


@fault
def warning_on_stderr(nb):
    "stderr"
    warning = new_output("stream", name="stderr", text="FutureWarning: x\n")
    code(nb, "print(3)").outputs = [warning]


@fault
def other_install_cell(nb):
    "not the install cell"
    code(nb, "# @title").source += "\nprint(1)"


@fault
def second_install_cell(nb):
    "2 install cells"
    code(nb, "print(3)").source = "# CURRICULUM_REPOSITORY"


@fault
def no_alt(nb):
    "picture without alternative text"
    del code(nb, "plt").metadata["mystnb"]["image"]


@fault
def no_caption(nb):
    "picture without caption"
    del code(nb, "plt").metadata["mystnb"]["figure"]


@fault
def two_pictures(nb):
    "2 pictures share one caption"
    cell = code(nb, "plt")
    cell.outputs = cell.outputs * 2


@fault
def remote_picture(nb):
    "remote picture"
    prose(nb, "## A section").source += "\n\n![a long enough text](https://e.org/a.png)"


@fault
def missing_picture(nb):
    "no file assets/none.png"
    prose(nb, "## A section").source += "\n\n![a long enough text](assets/none.png)"


@fault
def picture_without_text(nb):
    "a.png without alternative text"
    prose(nb, "## A section").source += "\n\n![](a.png)"


@fault
def script_from_afar(nb):
    "loads something from the network"
    html = '<script src="https://example.org/a.js"></script>'
    code(nb, "print(3)").outputs = [
        new_output("display_data", data={"text/html": html})
    ]


@fault
def path_in_output(nb):
    "path of a machine"
    code(nb, "print(3)").outputs[0].text = f"saved {Path.home()}/runs\n"


@fault
def path_in_source(nb):
    "path of a machine"
    code(nb, "print(3)").source = "open('/home/ada/book/x.json')"


@fault
def repository_in_output(nb):
    "path of a machine"
    code(nb, "print(3)").outputs[0].text = f"{ROOT}/book\n"


@fault
def too_long_a_line(nb):
    "line 1 has"
    code(nb, "print(3)").source = " + ".join(["number"] * 12)


@fault
def skipped_level(nb):
    "jumps from level 2 to 4"
    prose(nb, "## A section").source += "\n\n#### Deep"


@fault
def two_titles(nb):
    "more than one title"
    prose(nb, "## A section").source = "# Another"


@fault
def fenced_directive(nb):
    "fenced directive"
    prose(nb, "## A section").source += "\n\n```{note}\nx\n```"


@fault
def other_directive(nb):
    "directive 'margin'"
    prose(nb, "## A section").source += "\n\n:::{margin}\nx\n:::"


@fault
def other_role(nb):
    "role 'numref'"
    prose(nb, "## A section").source += " {numref}`fig-00-loss`"


@fault
def shell_line(nb):
    "invalid syntax"
    code(nb, "print(3)").source = "!pip install x"


@fault
def no_takeaways(nb):
    "no 'Key takeaways'"
    prose(nb, "## Key").source = "## The end"


@fault
def reading_before_exercises(nb):
    "no 'Further reading'"
    reading = nb.cells.pop()
    nb.cells.insert(1, reading)


@fault
def two_exercises(nb):
    "2 exercises, expected three"
    cell = prose(nb, "## Exercises")
    cell.source = cell.source.replace(":::{exercise}", ":::{admonition}", 1)


@fault
def missing_solution(nb):
    "3 exercises but 2 folded solutions"
    code(nb, "print(0)").metadata.tags = []


@fault
def times_left_in(nb):
    "not normalised"
    code(nb, "print(3)").metadata["execution"] = {"iopub.execute_input": "2026"}


@fault
def too_big(nb):
    "MB, allowed 1 MB"
    code(nb, "print(3)").outputs[0].text = "x" * 1_100_000


@pytest.mark.parametrize("plant", FAULTS)
def test_a_planted_fault_is_found(plant, tmp_path):
    nb = good()
    plant(nb)
    found = problems(nb, tmp_path)
    assert any(plant.__doc__ in line for line in found), found


# --- the tool --------------------------------------------------------------------


def test_normalise_is_idempotent_and_drops_what_varies():
    nb = good()
    again = notebook.normalise(nb, "00-x.ipynb")
    assert notebook.dumps(again) == notebook.dumps(nb)
    noisy = good()
    noisy.metadata["papermill"] = {"duration": 1.5}
    noisy.metadata.language_info["version"] = "3.13.1"
    for cell in noisy.cells:
        cell.metadata["execution"] = {"iopub.status.busy": "2026-01-01"}
        cell.metadata["papermill"] = {"duration": 0.1}
        if cell.id not in ("install", "badge"):
            cell.id = nbformat.v4.new_markdown_cell().id
    assert notebook.dumps(notebook.normalise(noisy, "00-x.ipynb")) == notebook.dumps(nb)


def widgets(slider, text, link, layout, lost):
    """A notebook with a slider linked to a text, under the given random ids."""
    cell = new_code_cell("show(slider)", execution_count=1)
    for model in (slider, text):
        view = {"model_id": model, "version_major": 2, "version_minor": 0}
        cell.outputs.append(
            new_output("display_data", data={notebook.WIDGET_VIEW: view})
        )
    ref = "IPY_MODEL_"
    state = {
        lost: {"model_name": "LayoutModel", "state": {}},
        link: {
            "model_name": "LinkModel",
            "state": {
                "source": [ref + slider, "value"],
                "target": [ref + text, "value"],
            },
        },
        layout: {"model_name": "LayoutModel", "state": {"width": "1em"}},
        slider: {"model_name": "IntSliderModel", "state": {"layout": ref + layout}},
        text: {"model_name": "IntTextModel", "state": {"value": 1}},
    }
    nb = new_notebook(cells=[cell])
    nb.metadata["widgets"] = nbformat.from_dict(
        {
            notebook.WIDGET_STATE: {
                "state": state,
                "version_major": 2,
                "version_minor": 0,
            }
        }
    )
    return nb


def test_widget_ids_are_stable_and_links_survive():
    one = widgets("a1", "b2", "c3", "d4", "e5")
    two = widgets("9f", "8e", "7d", "6c", "5b")
    texts = [notebook.dumps(notebook.normalise(nb, "x.ipynb")) for nb in (one, two)]
    assert texts[0] == texts[1]
    state = json.loads(texts[0])["metadata"]["widgets"][notebook.WIDGET_STATE]["state"]
    names = sorted(model["model_name"] for model in state.values())
    assert names == ["IntSliderModel", "IntTextModel", "LayoutModel", "LinkModel"]
    link = next(m for m in state.values() if m["model_name"] == "LinkModel")
    assert link["state"]["source"][0].removeprefix("IPY_MODEL_") in state


def test_captions_reach_readers_outside_the_page():
    cells = good().cells
    place = next(i for i, c in enumerate(cells) if c.source == "plt.show()")
    assert cells[place + 1].source == "*Figure: Loss against steps (n = 1).*"
    assert "remove-cell" in cells[place + 1].metadata.tags
    assert cells[place].outputs[0].metadata["image/png"]["alt"].startswith("A line")


def test_a_failing_cell_leaves_the_file_as_it_was(tmp_path, capsys):
    path = tmp_path / "x.ipynb"
    nb = new_notebook(cells=[new_markdown_cell("# T"), new_code_cell("1 / 0")])
    path.write_text(nbformat.writes(nb), encoding="utf-8")
    before = path.read_bytes()
    assert notebook.main(["execute", str(path), "--timeout", "60"]) == 1
    assert path.read_bytes() == before
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_the_colab_link_appears_with_an_address_only():
    assert notebook.normalise(good(), "00-x.ipynb").cells[0].id != "badge"
    url = "https://github.com/an-owner-with-a-long-name/a-repository-with-a-longer-name"
    nb = notebook.normalise(good(), "00-x.ipynb", url, "trunk")
    assert list(contract.lines(nb)) == [] == list(contract.install(nb, url, "trunk"))
    assert nb.cells[0].id == "badge"
    assert nb.cells[0].source.endswith("-name/blob/trunk/book/00-x.ipynb)")
    assert url in code(nb, "# @title").source
    assert notebook.normalise(nb, "00-x.ipynb").cells[0].id != "badge"


# --- the install cell ------------------------------------------------------------

# Stands before the cell in a fresh interpreter: hides an editable installation.
HIDE = f"""
import sys
sys.meta_path = [f for f in sys.meta_path if "editable" not in repr(f)]
sys.path = [p for p in sys.path if p not in ("", {str(ROOT)!r})]
"""
# A pip that writes down what it was asked to do, and does nothing.
FAKE_PIP = """
import pathlib, sys
with pathlib.Path(__file__).with_name("asked").open("a") as file:
    print(*sys.argv[1:], file=file)
"""
RECORD = "results/quick/baseline_s0.json"
READ = f"""
import exercises
from curriculum import files
print(os.getcwd(), files.read_json({RECORD!r})["spec"]["schedule"])
"""


def run_cell(folder, before="", after="", name="", work=None, **environment):
    """Run a notebook's first cell in a fresh interpreter that works in `work`."""
    pip = folder / "fake" / "pip"
    pip.mkdir(parents=True)
    (pip / "__init__.py").touch()
    (pip / "__main__.py").write_text(FAKE_PIP, encoding="utf-8")
    work = work or folder / "work"
    work.mkdir(exist_ok=True)
    cell = install_cell.install_source("", name=name)
    environment = {**os.environ, "PYTHONPATH": str(pip.parent), **environment}
    done = subprocess.run(
        [sys.executable, "-c", "\n".join([before, cell, after])],
        cwd=work,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
    )
    asked = pip / "asked"
    return done, asked.read_text(encoding="utf-8") if asked.exists() else "", work


def looks_like_the_book(folder):
    """A tiny checkout: a package, and a book with records."""
    for part in ("curriculum", "book/results", "book/exercises"):
        (folder / part).mkdir(parents=True)
    (folder / "curriculum" / "__init__.py").write_text("mark = 'from the folder'\n")
    (folder / "book" / "exercises" / "__init__.py").write_text("")
    (folder / "book" / "results" / "x.json").write_text("{}\n")
    return folder


@pytest.fixture
def remote(tmp_path):
    """A tiny repository that looks like the book, at a file:// address."""
    folder = looks_like_the_book(tmp_path / "remote")
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"]
    for command in (["init", "-qb", "main"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *command], cwd=folder, check=True)
    return folder.as_uri()


HERE = f"import sys; sys.path.insert(0, {str(ROOT)!r})"
SHOW = "import curriculum; print(curriculum.mark, os.getcwd())"


@pytest.mark.fault(
    "Notebooks",
    "a chapter in an empty folder, with the package installed",
    "a notebook runs wherever it is put",
    "it finds the book beside the package, reads its records and leaves nothing behind",
)
def test_an_empty_folder_will_do(tmp_path):
    done, asked, work = run_cell(tmp_path, HERE, READ)
    assert (done.returncode, asked) == (0, ""), done.stderr
    assert done.stdout.split() == [str(ROOT / "book"), "baseline"]
    assert list(work.iterdir()) == []


@pytest.mark.fault(
    "Notebooks",
    "a chapter started from another folder of the checkout, package not installed",
    "a notebook finds its records",
    "it finds the book in the folders above, without a network",
)
@pytest.mark.parametrize("place", [".", "tests/data", "book"])
def test_any_folder_of_the_checkout_will_do(tmp_path, place):
    done, asked, _ = run_cell(tmp_path, HIDE, READ, work=ROOT / place)
    assert (done.returncode, asked) == (0, ""), done.stderr
    assert done.stdout.split() == [str(ROOT / "book"), "baseline"]


def test_the_book_around_the_notebook_comes_before_the_one_beside_the_package(tmp_path):
    work = looks_like_the_book(tmp_path / "copy") / "book"
    done, _, _ = run_cell(tmp_path, HERE, "print(os.getcwd())", work=work)
    assert done.stdout.strip() == str(work.resolve())


def test_a_chapter_writes_where_it_wrote_before(tmp_path):
    """The experiment's own record goes below the reader's folder, unless in a clone."""
    show = "print(os.getcwd())"
    done, asked, work = run_cell(tmp_path, HERE, show, "experiment.ipynb")
    assert (done.stdout.strip(), asked) == (str(work.resolve()), ""), done.stderr


def test_processes_of_a_chapter_find_the_package_too(tmp_path):
    work = looks_like_the_book(tmp_path / "copy") / "elsewhere"
    child = "_run(sys.executable, '-c', 'import curriculum; curriculum.mark')"
    done, asked, _ = run_cell(tmp_path, HIDE, f"{SHOW}\n{child}", work=work)
    assert (done.returncode, asked) == (0, ""), done.stderr
    assert done.stdout.startswith("from the folder")


@pytest.mark.fault(
    "Notebooks",
    "a folder called `curriculum` beside the notebook that is not the package",
    "the first cell looks for the package, not for its name",
    "the folder is passed over",
)
def test_a_folder_of_the_same_name_is_not_the_package(tmp_path):
    (tmp_path / "work" / "curriculum").mkdir(parents=True)
    before = f"{HIDE}\nsys.path.insert(0, '')"
    done, _, _ = run_cell(tmp_path, before, CURRICULUM_REPOSITORY="")
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ModuleNotFoundError: This notebook needs")


@pytest.mark.fault(
    "Notebooks",
    "the package installed without the book, and no address of the book",
    "the first cell says what is missing and what to do",
    "one line: download the book's folder, install it, run the cell again",
)
@pytest.mark.parametrize("wheel", [True, False])
def test_with_no_address_the_cell_says_what_to_do(tmp_path, wheel):
    site = looks_like_the_book(tmp_path / "site")
    shutil.rmtree(site / "book" / "exercises")
    before = f"{HIDE}\nsys.path += {[str(site)] if wheel else []}"
    done, asked, _ = run_cell(tmp_path, before, CURRICULUM_REPOSITORY="")
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1
    assert last.startswith("ModuleNotFoundError") and "pip install -e ." in last
    assert asked == ""


def test_with_an_address_the_cell_fetches_and_installs(tmp_path, remote):
    before = f"{HIDE}\nsys.modules['radon'] = None  # not there"
    done, asked, work = run_cell(tmp_path, before, SHOW, CURRICULUM_REPOSITORY=remote)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("from the folder")
    clone = work.resolve() / "curriculum-book"
    assert done.stdout.strip().endswith(str(clone / "book"))
    assert asked.splitlines() == [f"install -e {clone}", "install radon"]


def test_something_else_at_the_address_is_one_clear_line(tmp_path, remote):
    folder = tmp_path / "remote"
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run([*git, "rm", "-qr", "book/exercises"], cwd=folder, check=True)
    subprocess.run([*git, "commit", "-qm", "x"], cwd=folder, check=True)
    done, _, _ = run_cell(tmp_path, HIDE, CURRICULUM_REPOSITORY=remote)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("FileNotFoundError") and "is not this book" in last


def test_a_wrong_address_is_one_clear_line(tmp_path):
    missing = (tmp_path / "nowhere").as_uri()
    done, _, _ = run_cell(tmp_path, HIDE, CURRICULUM_REPOSITORY=missing)
    last = done.stderr.strip().splitlines()[-1]
    assert re.search(r"RuntimeError: git clone .*failed", last)
