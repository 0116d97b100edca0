"""What the pages say about running the book elsewhere, made from the settings.

    python book/tools/colab_pages.py      # after a change of repository.url in _config.yml

README and landing page promise where a chapter runs. With an address of the repository
they also name the Colab button; a test holds the committed texts against the settings.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import install_cell  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
MARKS = ("<!-- colab: written by book/tools/colab_pages.py -->", "<!-- /colab -->")

README = """\
The download button on a chapter's page gives one file that runs by itself: the book's code
and the results that the chapter reads are inside it. Open the file in Colab (*File →
Upload notebook*), Kaggle, JupyterLab or VS Code, choose a GPU if you like, and run all
cells. The first cell unpacks the code into a folder of its own, installs the libraries
that are missing and replaces none, and says what computes and where runs are kept. It
needs a network only where a library is missing (in Colab that is radon).

{button}

```bash
make colab         # the same files, to _build/colab/
make colab-test    # runs each in an empty folder, with the libraries that Colab has
```

Linux, macOS and WSL run everything. On Windows itself the package can be imported, and
records, plans and models work, but no program is executed: `sandbox.run` refuses and says
so. Chapters that make a corpus, which most do, stop there; use WSL."""

README_BUTTON = {
    True: """Pages also have a Colab button, which opens the chapter from
{url}; there the first cell fetches the book from the same address.""",
    False: """No address of a public repository is set, so pages have no Colab button. For
buttons, put the address of your copy into `repository.url` in `_config.yml` and run
`python book/tools/notebook.py normalise book/*.ipynb` and
`python book/tools/colab_pages.py`.""",
}

INTRO = """\
- **In Colab, Kaggle, JupyterLab or VS Code:** the download button on top of each chapter
  gives one file that runs by itself. Its first cell unpacks the book's code and the results
  that the chapter reads, installs libraries that are missing, and says whether there is a
  GPU. {button}[Chapter 12](12-gpu.ipynb) says what a GPU changes."""

INTRO_BUTTON = {
    True: """The Colab button beside it opens the chapter from the book's repository.
  """,
    False: "",
}


def texts(url: str) -> dict[Path, str]:
    """{page: what stands between its marks} for the configured address, or ""."""
    on_github = url.startswith("https://github.com/")
    readme = README.format(button=README_BUTTON[on_github].format(url=url))
    intro = INTRO.format(button=INTRO_BUTTON[on_github])
    return {ROOT / "README.md": readme, ROOT / "book" / "intro.md": intro}


def pages(url: str) -> dict[Path, str]:
    """{page: its whole text as the settings ask}."""
    found = {}
    for path, text in texts(url).items():
        head, rest = path.read_text(encoding="utf-8").split(MARKS[0])
        _, tail = rest.split(MARKS[1])
        found[path] = f"{head}{MARKS[0]}\n{text}\n{MARKS[1]}{tail}"
    return found


def main() -> int:
    url, _ = install_cell.repository()
    for path, text in pages(url).items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
