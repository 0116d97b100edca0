"""Sphinx extension: a page loads what it needs, when it is needed.

- The theme draws its dozen icons twice, with a font and with a script of half a megabyte
  (compressed) that holds every icon there is. The font is enough; the script is dropped.
- Pictures below the first one of a page are loaded when a reader comes near them.
- The manager of widgets, again half a megabyte, is loaded by `assets/widgets.js` when a
  widget comes near.

Done on the written pages, after every build; a page that was not written anew is left.
"""

import re
from pathlib import Path

from sphinx.application import Sphinx

ICONS = re.compile(r'\s*<script src="[^"]*/scripts/fontawesome\.js[^"]*"></script>')
MANAGER = re.compile(r'<script src="([^"]*/)vendor/html-manager/embed\.js([^"]*)">')
ARTICLE = re.compile(r'<article class="bd-article".*?</article>', re.DOTALL)
PICTURE = re.compile(r'<img (?!loading=)(?=[^>]*src="[^"]*_images/)')


def lighter(page: str) -> str:
    """The text of a page without what its first screen does not need."""
    page = ICONS.sub("", page)
    page = MANAGER.sub(
        r'<script src="\1widgets.js" data-manager="\1vendor/html-manager/embed.js\2">',
        page,
    )
    return ARTICLE.sub(lambda match: _lazy(match[0]), page)


def _lazy(article: str) -> str:
    first, *rest = re.split(r"(?=<img )", article)
    if not rest or 'loading="lazy"' in article:
        return article
    rest[1:] = [PICTURE.sub('<img loading="lazy" ', part) for part in rest[1:]]
    return "".join([first, *rest])


def write(app: Sphinx, exception) -> None:
    if exception or app.builder.format != "html":
        return
    for path in Path(app.outdir).rglob("*.html"):
        if "_static" not in path.parts:
            text = path.read_text(encoding="utf-8")
            if (light := lighter(text)) != text:
                path.write_text(light, encoding="utf-8")


def setup(app: Sphinx) -> dict:
    app.connect("build-finished", write, priority=900)  # after what rewrites pages
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
