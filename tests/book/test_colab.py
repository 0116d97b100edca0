"""Notebooks that run by themselves: what they carry, and that it is enough."""

import ast
import base64
import importlib.metadata
import io
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import book_download
import colab
import colab_pages
import colab_try
import install_cell
import nbformat
import pytest
import reads

ROOT = Path(__file__).resolve().parents[2]

PATHS = sorted((ROOT / "book").glob("*.ipynb"))
LIGHT = ("06-how-sure.ipynb", "02-programs-as-data.ipynb")  # seconds each
SOME = (*LIGHT, "13-running-experiments.ipynb", "experiment.ipynb")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """{name: the self-contained notebook}, as files, of some notebooks."""
    folder = tmp_path_factory.mktemp("colab")
    return {name: colab.make(ROOT / "book" / name, folder) for name in SOME}


def first_cell(path):
    cells = nbformat.read(path, as_version=4).cells
    return next(c for c in cells if c.cell_type == "code")


def carried(path) -> dict[str, bytes]:
    """{name: content} of the files inside a notebook."""
    found = {}
    for text in re.findall(r'= """\n(.*?)\n"""', first_cell(path).source, re.DOTALL):
        with tarfile.open(fileobj=io.BytesIO(base64.b64decode(text))) as tar:
            found |= {m.name: tar.extractfile(m).read() for m in tar}
    return found


# --- what they carry -----------------------------------------------------------------


def test_every_notebook_carries_the_package_as_it_is(made):
    package = {p.relative_to(ROOT).as_posix() for p in ROOT.glob("curriculum/**/*.py")}
    for name, path in made.items():
        inside = carried(path)
        wanted = {p.relative_to(ROOT).as_posix() for p in colab.package(path.name)}
        assert wanted <= package and wanted <= set(inside), name
        for file, content in inside.items():
            assert content == (ROOT / file).read_bytes(), file
        number = name[:2]
        helpers = [
            ROOT / "book" / r / f"ch{number}.py" for r in ("behind", "exercises")
        ]
        for helper in filter(Path.exists, helpers):
            assert helper.relative_to(ROOT).as_posix() in inside, name


def imported_helpers(source) -> set[str]:
    """Files of `book/` that Python code imports, such as exercises/ch08.py."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{a.name}" for a in node.names)]
        found |= {f"{name.replace('.', '/')}.py" for name in names}
        found |= {f"{name.replace('.', '/')}/__init__.py" for name in names}
    return {name for name in found if (ROOT / "book" / name).is_file()}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_notebook_carries_the_helpers_that_it_and_they_import(path):
    inside = {p.relative_to(ROOT / "book").as_posix() for p in colab.helpers(path.name)}
    cells = nbformat.read(path, as_version=4).cells
    for cell in cells:
        if cell.cell_type == "code" and "raises-exception" not in cell.metadata.get(
            "tags", []
        ):
            assert imported_helpers(cell.source) <= inside
    for name in inside:
        source = (ROOT / "book" / name).read_text(encoding="utf-8")
        assert imported_helpers(source) <= inside, name


def test_nothing_but_the_first_cell_differs_from_the_chapter(made):
    for name, path in made.items():
        before = nbformat.read(ROOT / "book" / name, as_version=4).cells
        after = nbformat.read(path, as_version=4).cells
        pairs = zip([c for c in before if c.id != "badge"], after, strict=True)
        changed = [a.id for a, b in pairs if a != b]
        assert changed == ["install"], name
        assert "nbval-ignore-output" in first_cell(path).metadata.tags


def test_the_same_book_gives_the_same_bytes(made, tmp_path):
    path = ROOT / "book" / LIGHT[1]
    colab.archive.cache_clear()
    again = colab.make(path, tmp_path)
    assert again.read_bytes() == made[path.name].read_bytes()


def test_the_package_stays_small():
    """Results have the size that they have; code should not add much to a chapter."""
    sizes = {p.name: len(colab.archive(colab.package(p.name))) for p in PATHS}
    whole = {
        "13-running-experiments.ipynb",
        "18-your-own-data.ipynb",
    }  # the command line
    for name, size in sizes.items():
        assert size < (165_000 if name in whole else 150 * 1024), name
    small, whole = (
        {p.parent.name for p in colab.package(name)}
        for name in ("02-programs-as-data.ipynb", "19-ordering-instructions.ipynb")
    )
    assert whole - small >= {"finetune"} and "mobile" not in whole


def test_a_notebook_carries_what_it_reaches(tmp_path, monkeypatch):
    """Imports inside functions, of packages, relative ones, and commands count."""
    assert colab.modules("def f():\n    from curriculum.mobile import spec") == {
        ("curriculum", "mobile"), ("curriculum", "mobile", "spec"),
    }  # fmt: skip
    here = ("curriculum", "experiments", "ood")
    assert ("curriculum", "data", "suites") in colab.modules(
        "from ..data import suites", here
    )
    assert ("curriculum", "experiments", "spec") in colab.modules(
        "from .spec import A", here
    )
    assert colab.modules("!pip install x") == set()
    reached = colab.reach("13-running-experiments.ipynb")  # it runs the command line
    assert ROOT / "curriculum" / "experiments" / "sweep.py" in reached
    assert ROOT / "curriculum" / "mobile" / "ppo.py" in colab.reach(
        "20-mobile-networks.ipynb"
    )


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_results_that_a_chapter_names_are_listed(path):
    """By reading its code; that nothing else is missing shows when it is run."""
    cells = nbformat.read(path, as_version=4).cells
    code = "\n".join(c.source for c in cells if c.cell_type == "code")
    named = re.findall(r"[\"'](results/[\w./-]+\.(?:json|safetensors))[\"']", code)
    here = [name for name in named if (ROOT / "book" / name).is_file()]
    assert reads.uncovered(path.name, here) == []


def test_every_notebook_has_an_entry_of_files_that_are_there():
    assert sorted(reads.entries()) == [path.name for path in PATHS]
    for entry in reads.entries().values():
        reads.files(entry)
    with pytest.raises(ValueError, match="names results/none.json"):
        reads.files(["results/none.json"])


def test_a_folder_read_whole_is_one_pattern():
    study = [f"results/small/{p.name}" for p in ROOT.glob("book/results/small/*.json")]
    assert len(study) > 1
    one = "results/toy-order/grid.json"
    assert reads.patterns([*study, one]) == ["results/small/*.json", one]
    assert reads.patterns(study[:1]) == study[:1]
    assert reads.files(["results/small/*.json"]) == sorted(study)


READER = """
from pathlib import Path
open(Path("book") / "results" / "toy-order" / "grid.json").close()
Path("book/behind/ch01.py").read_bytes()
open("_config.yml").close()
"""


def test_a_watched_kernel_notes_what_it_reads():
    from nbclient import NotebookClient

    cell = nbformat.v4.new_code_cell(READER)
    nb = nbformat.v4.new_notebook(cells=[cell])
    with reads.watched() as log:
        resources = {"metadata": {"path": str(ROOT)}}
        NotebookClient(nb, kernel_name="python3", resources=resources).execute()
        assert reads.read(log) == ["results/toy-order/grid.json"]
    assert reads.uncovered("01-why-order-matters.ipynb", ["results/new.json"]) == [
        "results/new.json"
    ]


def test_code_is_not_listed_and_records_of_somebodys_code_are(tmp_path):
    log = tmp_path / "reads.txt"
    record = "results/scores/hybrid_scorer-arithmetic.py-signs_s0.json"
    other = ["behind/ch01.py", "behind/__pycache__/ch01.cpython-311.pyc"]
    log.write_text("\n".join([*other, record, "results/local/mine.json"]), "utf-8")
    assert reads.read(log) == [record]


def test_a_notebook_without_the_install_cell_is_refused():
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")])
    with pytest.raises(ValueError, match="x.ipynb has no install cell"):
        colab.self_contained(nb, "x.ipynb")


def test_chapters_themselves_are_not_overwritten(capsys):
    with pytest.raises(SystemExit):
        colab.main([str(PATHS[0]), "--out", str(ROOT / "book")])
    assert "name another" in capsys.readouterr().err


# --- that it is enough ---------------------------------------------------------------


@pytest.mark.fault(
    "Notebooks",
    "a chapter alone in an empty folder, with no book, no git and no address",
    "the file that the page offers runs by itself",
    "it unpacks what it carries, and every output is the stored one",
)
@pytest.mark.parametrize("name", LIGHT)
def test_a_chapter_runs_alone_in_an_empty_folder(made, name):
    found = colab_try.run(made[name], sys.executable)
    assert found.passed, found.said
    assert found.left == sorted([name, f"curriculum-book-{colab.version()}"])


# --- the first cell ------------------------------------------------------------------

# A pip that writes down what it was asked to do, and installs an empty package or fails.
FAKE_PIP = """
import os, pathlib, sys
here = pathlib.Path(__file__).parent
(here / "asked").write_text(" ".join(sys.argv[1:]))
constraints = sys.argv[sys.argv.index("-c") + 1]
(here / "constraints").write_text(pathlib.Path(constraints).read_text(encoding="utf-8"))
if os.environ.get("OFFLINE"):
    sys.exit("ERROR: Could not find a version")
for name in sys.argv[sys.argv.index("-c") + 2:]:
    (here.parent / f"{name}.py").touch()
"""


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A Python that has the libraries, and not the book."""
    return colab_try.stranger(tmp_path_factory.mktemp("stranger") / "venv")


def set_up(path, python, folder, after="", **environment):
    """Run the first cell of a notebook in `folder`, with a pip that does nothing."""
    pip = folder / "fake" / "pip"
    pip.mkdir(parents=True, exist_ok=True)
    (pip / "__init__.py").touch()
    (pip / "__main__.py").write_text(FAKE_PIP, encoding="utf-8")
    work = folder / "work"
    work.mkdir(exist_ok=True)
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CURRICULUM_")}
    kept |= {"PYTHONPATH": str(pip.parent), **environment}
    source = f"{first_cell(path).source}\n{after}"
    script = folder / "cell.py"
    script.write_text(source, encoding="utf-8")
    run = "exec(compile(open({!r}, encoding='utf-8').read(), 'cell', 'exec'))"
    done = subprocess.run(
        [python, "-c", run.format(str(script))],
        cwd=work, env=kept, capture_output=True, encoding="utf-8", timeout=600,
    )  # fmt: skip
    return done, work, pip


def test_the_cell_says_what_computes_and_where_runs_are_kept(made, bare, tmp_path):
    after = """
import subprocess, curriculum, behind, exercises
print(curriculum.__file__, os.getcwd())
child = "import curriculum; print(curriculum.__file__)"
print(subprocess.check_output([sys.executable, "-c", child], text=True))
"""
    done, work, pip = set_up(made[LIGHT[1]], bare, tmp_path, after)
    assert done.returncode == 0, done.stderr
    device, runs, places, child = done.stdout.strip().splitlines()[:4]
    root = work.resolve() / f"curriculum-book-{colab.version()}"
    assert device.startswith("Device: c") and "two processor cores" in device
    assert runs.startswith(f"Runs are kept in {work.resolve() / 'curriculum-runs'}: ")
    assert places.split() == [str(root / "curriculum/__init__.py"), str(root / "book")]
    assert child == str(root / "curriculum/__init__.py")
    assert not (pip / "asked").exists()


def test_run_twice_the_cell_unpacks_once_and_keeps_what_was_changed(
    made, bare, tmp_path
):
    change = "\nPath('../curriculum/show.py').write_text('mine = 1')\n_set_up()"
    done, work, _ = set_up(made[LIGHT[1]], bare, tmp_path, change)
    assert done.returncode == 0, done.stderr
    (root,) = work.iterdir()
    assert (root / "curriculum" / "show.py").read_text(encoding="utf-8") == "mine = 1"
    assert not list(root.rglob("*.part")) and not list(root.rglob("curriculum-book*"))


def wants_more(path, folder):
    """The notebook, with one more library that nobody has."""
    nb = nbformat.read(path, as_version=4)
    cell = next(c for c in nb.cells if c.id == "install")
    cell.source = cell.source.replace('NEEDED = "', 'NEEDED = "nobody_has_this ', 1)
    out = folder / path.name
    nbformat.write(nb, out)
    return out


def test_only_what_is_missing_is_installed_and_nothing_replaced(made, bare, tmp_path):
    path = wants_more(made[LIGHT[1]], tmp_path)
    done, _, pip = set_up(path, bare, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (pip / "asked").read_text(encoding="utf-8").endswith(" nobody_has_this")
    assert done.stdout.startswith("Installing nobody_has_this.")
    pins = (pip / "constraints").read_text(encoding="utf-8").splitlines()
    kept = {
        f"{name}=={importlib.metadata.version(name)}" for name in ("torch", "numpy")
    }
    assert kept <= set(pins)


@pytest.mark.fault(
    "Notebooks",
    "a library is missing and the package registry cannot be reached",
    "the first cell says what is missing and what to do",
    "one line: the library, what pip said, how to go on",
)
def test_offline_the_cell_says_what_to_do(made, bare, tmp_path):
    path = wants_more(made[LIGHT[1]], tmp_path)
    done, _, _ = set_up(path, bare, tmp_path, OFFLINE="1")
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ModuleNotFoundError: This chapter needs nobody_has_this")
    assert "ERROR: Could not find a version" in last
    assert last.endswith("pip install nobody_has_this")


def test_a_mounted_drive_keeps_the_runs(made, bare, tmp_path):
    drive = tmp_path / "MyDrive"
    drive.mkdir()
    nb = nbformat.read(made[LIGHT[1]], as_version=4)
    cell = next(c for c in nb.cells if c.id == "install")
    text = cell.source.replace("/content/drive/MyDrive", str(drive))
    assert text != cell.source
    cell.source = text
    nbformat.write(nb, path := tmp_path / LIGHT[1])
    after = "print(os.environ['CURRICULUM_CACHE'])"
    done, _, _ = set_up(path, bare, tmp_path, after)
    assert done.stdout.strip().splitlines()[-1] == str(drive / "curriculum-runs")
    mine = str(tmp_path / "mine")
    done, _, _ = set_up(path, bare, tmp_path, after, CURRICULUM_CACHE=mine)
    assert done.stdout.strip().splitlines()[-1] == mine


GPU = """import torch
torch.cuda.is_available = lambda: True
torch.cuda.get_device_name = lambda *_: "Tesla T4"
"""


def test_a_gpu_is_named(made, bare, tmp_path):
    nb = nbformat.read(made[LIGHT[1]], as_version=4)
    cell = next(c for c in nb.cells if c.id == "install")
    cell.source = GPU + cell.source
    nbformat.write(nb, path := tmp_path / LIGHT[1])
    done, _, _ = set_up(path, bare, tmp_path)
    assert done.stdout.startswith("Device: cuda; a GPU is present: Tesla T4. Exp")


def test_a_copy_in_use_already_is_named(made, bare, tmp_path):
    nb = nbformat.read(made[LIGHT[1]], as_version=4)
    cell = next(c for c in nb.cells if c.id == "install")
    before = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import curriculum\n"
    cell.source = before + cell.source
    nbformat.write(nb, path := tmp_path / LIGHT[1])
    done, _, _ = set_up(path, bare, tmp_path)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("RuntimeError: Another copy") and "restart" in last


# --- the page ------------------------------------------------------------------------

BUTTON = """<li><a href="../_sources/book/01-x.ipynb" target="_blank"
   class="btn btn-sm btn-download-source-button dropdown-item"
   title="Download source file"
   data-bs-placement="left">"""


def test_the_download_button_saves_the_notebook():
    html = book_download.with_download(BUTTON)
    assert '<a href="../_sources/book/01-x.ipynb" download\n' in html
    assert book_download.TITLE in html and "target" not in html
    assert book_download.with_download(html) == html
    with pytest.raises(ValueError, match="no download button"):
        book_download.with_download(BUTTON.replace(".ipynb", ".md"))


def test_pages_say_what_the_settings_make_true():
    url, _ = install_cell.repository()
    for path, text in colab_pages.pages(url).items():
        stored = path.read_text(encoding="utf-8")
        assert stored == text, "run python book/tools/colab_pages.py"


def test_only_with_an_address_pages_promise_a_colab_button():
    url = "https://github.com/owner/name"
    for path, text in colab_pages.texts(url).items():
        assert "Colab button" in text and "no Colab button" not in text
        without = colab_pages.texts("")[path]
        assert "have a Colab button" not in without and url not in without
