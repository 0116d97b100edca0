"""Sphinx extension: what other programs read of a page.

- Every page describes itself, by its first sentence, in `description` and Open Graph tags.
- With an address of the book (`html.baseurl` in `_config.yml`) pages name their own, and
  the picture of the front page; and `sitemap.xml` lists them. Without one, neither is
  written: both need absolute addresses.
- `404.html` is the page that a server shows for an address which is not there. It stands
  alone, because its own address is then any address.
"""

import html
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

LONGEST = 200  # characters of a description
PICTURE = "_static/front.png"
NOT_FOUND = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Page not found · {title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ max-width: 36rem; margin: 18vh auto; padding: 0 1.2rem; line-height: 1.6;
  font-family: -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; }}
</style>
</head>
<body>
<h1>This page is not here</h1>
<p>The address may be mistyped, or the chapter has another name now.</p>
<p><a href="{home}">To the first page of <em>{title}</em></a></p>
</body>
</html>
"""


def describe(tree: nodes.document) -> str:
    """The first paragraph of running text, cut at a word."""
    for paragraph in tree.findall(nodes.paragraph):
        if isinstance(paragraph.parent, nodes.section | nodes.document):
            text = " ".join(paragraph.astext().split())
            if len(text) > LONGEST:
                text = text[:LONGEST].rsplit(" ", 1)[0] + " …"
            return text
    return ""


def tags(app: Sphinx, page: str, template, context: dict, tree) -> None:
    """Add the tags of a page to its head."""
    if tree is None:  # search, index
        return
    base = app.config.html_baseurl.rstrip("/")
    text, found = describe(tree), {"og:type": "article"}
    found["og:site_name"] = app.config.html_title or app.config.project
    found["og:title"] = nodes.unescape(app.env.titles[page].astext())
    if text:
        found["og:description"] = text
    if base:
        found["og:url"] = f"{base}/{page}.html"
        found["og:image"] = f"{base}/{PICTURE}"
    lines = [
        f'<meta property="{name}" content="{html.escape(value)}">'
        for name, value in found.items()
    ]
    if text:
        lines.append(f'<meta name="description" content="{html.escape(text)}">')
    context["metatags"] = context.get("metatags", "") + "\n".join(lines)


def sitemap(base: str, pages) -> str:
    """The text of sitemap.xml."""
    places = (f"<url><loc>{html.escape(f'{base}/{p}.html')}</loc></url>" for p in pages)
    head = '<?xml version="1.0" encoding="utf-8"?>\n'
    space = "http://www.sitemaps.org/schemas/sitemap/0.9"
    return f'{head}<urlset xmlns="{space}">\n' + "\n".join(places) + "\n</urlset>\n"


def write(app: Sphinx, exception) -> None:
    """404.html, and sitemap.xml where the book has an address."""
    if exception or app.builder.format != "html":
        return
    base, out = app.config.html_baseurl.rstrip("/"), Path(app.outdir)
    home = f"{base}/index.html" if base else "index.html"
    title = html.escape(app.config.html_title or app.config.project)
    page = NOT_FOUND.format(title=title, home=html.escape(home))
    (out / "404.html").write_text(page, encoding="utf-8")
    place = out / "sitemap.xml"
    place.unlink(missing_ok=True)
    if base:
        place.write_text(sitemap(base, sorted(app.env.found_docs)), encoding="utf-8")


def setup(app: Sphinx) -> dict:
    app.connect("html-page-context", tags)
    app.connect("build-finished", write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
