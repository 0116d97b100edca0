"""The first code cell of every notebook, written down once.

The cell makes a notebook run anywhere, in Colab, in an empty folder, from any place in a
checkout. Chapters read the committed records below `book/`, so the cell makes that folder
the working directory:

- it looks in the working directory and all folders above it, then beside the package
  `curriculum`, then for a clone made earlier; in `book/` itself it changes nothing;
- where there is no such folder, it clones the book from the repository named in
  `_config.yml`; with no repository configured it stops with one line that says what to do
  (the notebooks of `colab.py` carry what they need, and have another first cell);
- where `curriculum` cannot be imported it is put on the path, also for the processes that
  a chapter starts; missing dependencies are installed, newer ones are left alone;
- `experiment.ipynb` reads no records, and writes its own below the working directory:
  where `curriculum` can be imported, its cell leaves the working directory as it is.

`CURRICULUM_REPOSITORY` in the environment stands in for the configured address;
anything that `git clone` understands will do. Written into the notebooks by
`notebook.py normalise`; `tests/book/test_notebooks.py` insists on exactly this text.
"""

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
COLAB = "https://colab.research.google.com/github"

CELL = """\
# @title Set-up: find the book, fetch and install what is missing
# Lets this notebook run anywhere, Colab included. Started in the book's
# folder with everything installed, this cell does nothing.
import importlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

ADDRESS = "{url}"
REPOSITORY = os.environ.get("CURRICULUM_REPOSITORY", ADDRESS)
BRANCH, CLONE = "{branch}", "curriculum-book"
READS_RECORDS = {reads}
NEEDED = (
    "curriculum torch numpy matplotlib radon pyarrow safetensors scipy "
    "filelock ipywidgets papermill nbformat"
)


def _run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        raise RuntimeError(f"{{' '.join(command)}} failed: {{last}}")


def _place(name):
    # A folder that happens to have the name of a package has no origin.
    found = importlib.util.find_spec(name)
    return found and found.origin


def _missing():
    importlib.invalidate_caches()
    return [name for name in NEEDED.split() if not _place(name)]


def _book():
    places = [Path.cwd(), *Path.cwd().parents]
    if package := _place("curriculum"):
        places.append(Path(package).parents[1])
    for place in (*places, Path(CLONE)):
        for book in (place, place / "book"):
            whole = package or (book.parent / "curriculum").is_dir()
            if whole and all((book / n).exists() for n in BOOK):
                return book.resolve()


BOOK = ("exercises", "results")  # what chapters find in the book's folder
if READS_RECORDS or not _place("curriculum"):
    if not _book():
        if not REPOSITORY:
            raise ModuleNotFoundError(
                "This notebook needs the folder of the book, with the package "
                "`curriculum` and the records, and this copy names no "
                "repository to fetch it from. Take the notebook that the "
                "download button of the chapter's page gives (or `make colab` "
                "writes): it runs by itself. Or download the book's folder, "
                "run `pip install -e .` in it, restart the kernel and run "
                "this cell again, with this notebook anywhere you like."
            )
        options = ("--depth=1", "--branch", BRANCH)
        _run("git", "clone", *options, REPOSITORY, CLONE)
    if not (book := _book()):
        raise FileNotFoundError(
            f"{{REPOSITORY}} was fetched to {{CLONE}}/, and is not this book: it "
            f"has no {{' and '.join(BOOK)}} in book/. Remove {{CLONE}}/ and set "
            "CURRICULUM_REPOSITORY to the address of the book."
        )
    if not _place("curriculum"):
        sys.path.insert(0, str(book.parent))
        path = [str(book.parent), os.environ.get("PYTHONPATH", "")]
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, path))
    if _missing():
        _run(sys.executable, "-m", "pip", "install", "-e", str(book.parent))
    os.chdir(book)
    if "" not in sys.path:  # a kernel has it: the working directory
        sys.path.insert(0, str(book))
if _missing():
    _run(sys.executable, "-m", "pip", "install", *_missing())
"""


def repository(config: Path = ROOT / "_config.yml") -> tuple[str, str]:
    """The configured (url, branch); the url is "" when there is none."""
    settings = yaml.safe_load(config.read_text(encoding="utf-8")) or {}
    entry = settings.get("repository") or {}
    url = (entry.get("url") or "").strip().rstrip("/").removesuffix(".git")
    return url, (entry.get("branch") or "main").strip()


def install_source(url: str, branch: str = "main", name: str = "") -> str:
    """Source of the install cell of a notebook.

    Args:
        url: Address of the book's repository, or "".
        branch: Branch of that repository.
        name: File name of the notebook; all but `experiment.ipynb` read records.
    """
    reads = name != "experiment.ipynb"
    return CELL.format(url=url, branch=branch, reads=reads).rstrip("\n")


def badge_source(url: str, branch: str, name: str) -> str | None:
    """Markdown of the link that opens `book/<name>` in Colab, or None.

    Colab opens notebooks straight from GitHub only. The link is text, not the
    usual badge, because that badge is a picture on somebody else's server.
    """
    if not url.startswith("https://github.com/"):
        return None
    slug = url.removeprefix("https://github.com/")
    return f"[Open in Colab]({COLAB}/{slug}/blob/{branch}/book/{name})"
