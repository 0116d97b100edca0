"""Sphinx extension: the download button gives a notebook that runs by itself.

- The theme's button hands out the source of the page. For notebooks this extension puts
  in its place the file that `book/tools/colab.py` makes: the chapter with the book's code
  and the results that it reads inside.
- The link gets the attribute `download`, so that a browser saves the file instead of
  showing it as text. From `file://` Chromium does not honour it; there `assets/book.js`
  loads the script beside the notebook, which holds the same text, and saves that.
- Done after every build, for all pages: sources that were not written anew are compared
  and left.
"""

import json
import re
import sys
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import colab  # noqa: E402

TITLE = (
    "Download this notebook; it runs by itself, in Colab, Kaggle, JupyterLab or VS Code"
)
LINK = re.compile(
    r'<a href="(?P<url>[^"]*_sources/[^"]*\.ipynb)" (?:target="_blank"|download)'
    r'(?P<between>\s+class="[^"]*btn-download-source-button[^"]*"\s+)title="[^"]*"'
)


def with_download(html: str) -> str:
    """The page with a source button that saves the notebook.

    Raises: ValueError: there is no such button.
    """
    html, count = LINK.subn(
        rf'<a href="\g<url>" download\g<between>title="{TITLE}"', html
    )
    if not count:
        raise ValueError("no download button; has the theme changed?")
    return html


def offer(app: Sphinx, exception) -> None:
    """Put the self-contained notebooks behind the buttons."""
    if exception or app.builder.format != "html":
        return
    for doc in sorted(app.env.found_docs):
        source = Path(app.env.doc2path(doc))
        if source.suffix != ".ipynb":
            continue
        page = Path(app.outdir, f"{doc}.html")
        try:
            made = colab.make(source, Path(app.outdir, "_sources", doc).parent)
            text = json.dumps(made.read_text(encoding="utf-8"))
            script = made.with_name(f"{made.name}.js")
            script.write_text(f"window.bookNotebook = {text};\n", encoding="utf-8")
            html = page.read_text(encoding="utf-8")
            page.write_text(with_download(html), encoding="utf-8")
        except (ValueError, OSError) as error:
            raise ExtensionError(f"{doc}: {error}") from error


def setup(app: Sphinx) -> dict:
    app.connect("build-finished", offer)
    return {
        "version": "1",
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
