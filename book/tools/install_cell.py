"""The first code cell of every notebook, written down once.

The cell makes a notebook run where the book is not installed, for instance in
Colab, where nothing but the notebook itself is at hand:

- where `curriculum` and its dependencies can be imported it does nothing;
- otherwise it clones the book from the repository named in `_config.yml`, installs
  it (which leaves newer packages that are already there alone), and makes `book/`
  the working directory, so that a chapter finds the committed results;
- with no repository configured it stops with one line that says what to do.

`CURRICULUM_REPOSITORY` in the environment stands in for the configured address;
anything that `git clone` understands will do. Written into the notebooks by
`notebook.py normalise`; `tests/test_notebooks.py` insists on exactly this text.
"""

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
COLAB = "https://colab.research.google.com/github"

CELL = """\
# @title Set-up: fetch and install what is missing
# Lets this notebook run anywhere, Colab included. Where the book is
# installed, this cell does nothing.
import importlib
import importlib.util
import os
import subprocess
import sys

ADDRESS = "{url}"
REPOSITORY = os.environ.get("CURRICULUM_REPOSITORY", ADDRESS)
BRANCH, CLONE = "{branch}", "curriculum-book"
NEEDED = (
    "curriculum torch numpy matplotlib radon pyarrow safetensors scipy "
    "filelock ipywidgets papermill nbformat"
)


def _run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        raise RuntimeError(f"{{' '.join(command)}} failed: {{last}}")


def _missing():
    importlib.invalidate_caches()
    return [n for n in NEEDED.split() if importlib.util.find_spec(n) is None]


if "curriculum" in _missing() and not os.path.isdir(CLONE):
    if not REPOSITORY:
        raise ModuleNotFoundError(
            "This notebook needs the package `curriculum`, and this copy of "
            "the book names no repository to fetch it from. Download the "
            "book's folder, run `pip install -e .` in it, restart the kernel "
            "and run this cell again."
        )
    _run("git", "clone", "--depth=1", "--branch", BRANCH, REPOSITORY, CLONE)
if os.path.isdir(CLONE):
    if _missing():
        _run(sys.executable, "-m", "pip", "install", "-e", CLONE)
    sys.path.insert(0, os.path.abspath(CLONE))
    os.chdir(os.path.join(CLONE, "book"))
if _missing():
    _run(sys.executable, "-m", "pip", "install", *_missing())
"""


def repository(config: Path = ROOT / "_config.yml") -> tuple[str, str]:
    """The configured (url, branch); the url is "" when there is none."""
    settings = yaml.safe_load(config.read_text(encoding="utf-8")) or {}
    entry = settings.get("repository") or {}
    url = (entry.get("url") or "").strip().rstrip("/").removesuffix(".git")
    return url, (entry.get("branch") or "main").strip()


def install_source(url: str, branch: str = "main") -> str:
    """Source of the install cell for a book that lives at `url` ("" for none)."""
    return CELL.format(url=url, branch=branch).rstrip("\n")


def badge_source(url: str, branch: str, name: str) -> str | None:
    """Markdown of the link that opens `book/<name>` in Colab, or None.

    Colab opens notebooks straight from GitHub only. The link is text, not the
    usual badge, because that badge is a picture on somebody else's server.
    """
    if not url.startswith("https://github.com/"):
        return None
    slug = url.removeprefix("https://github.com/")
    return f"[Open in Colab]({COLAB}/{slug}/blob/{branch}/book/{name})"
