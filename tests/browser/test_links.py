"""Every link of the built book leads somewhere: to a file, and to a place in it.

Needs the built pages, no browser and no network; links to other hosts are not followed.
"""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from built import HTML

SKIP = {"genindex.html", "search.html"}  # made by Sphinx, with forms and no text


class Page(HTMLParser):
    """The links of a page, and the places that links can lead to."""

    def __init__(self, path: Path):
        super().__init__()
        self.links: list[str] = []
        self.places: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.places |= {found[k] for k in ("id", "name") if found.get(k)}
        self.links += [found[k] for k in ("href", "src") if found.get(k)]


def broken(page: Path, pages: dict[Path, Page]) -> list[str]:
    """Links of a page to a file or a place that is not there."""
    found = []
    for link in pages[page].links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc or link.startswith("#") and link == "#":
            continue
        target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        place = unquote(parts.fragment)
        if not target.is_file():
            found.append(f"{page.name}: {link} (no such file)")
        elif place and target.suffix == ".html":
            if target not in pages:
                pages[target] = Page(target)
            if place not in pages[target].places:
                found.append(f"{page.name}: {link} (no such place)")
    return found


def test_every_link_leads_somewhere():
    paths = sorted(
        p.resolve() for p in HTML.rglob("*.html") if "_static" not in p.parts
    )
    paths = [p for p in paths if p.name not in SKIP]
    if not paths:
        pytest.skip("the book is not built; run make book first")
    pages = {path: Page(path) for path in paths}
    assert [line for path in paths for line in broken(path, pages)] == []


@pytest.mark.parametrize(
    ("link", "found"),
    [
        ("b.html", []),
        ("b.html#there", []),
        ("#here", []),
        ("b%2Ehtml?x=1#there", []),
        ("https://example.org/none", []),
        ("mailto:a@example.org", []),
        ("c.html", ["a.html: c.html (no such file)"]),
        ("b.html#gone", ["a.html: b.html#gone (no such place)"]),
        ("#gone", ["a.html: #gone (no such place)"]),
    ],
)
def test_a_broken_link_is_found(tmp_path, link, found):
    a, b = tmp_path.resolve() / "a.html", tmp_path.resolve() / "b.html"
    a.write_text(f'<p id="here"><a href="{link}">x</a></p>')
    b.write_text('<h2 id="there">x</h2>')
    pages = {path: Page(path) for path in (a, b)}
    assert broken(a, pages) == found


def test_addresses_in_scripts_of_the_laboratory_are_there():
    """They are joined to the place of the script itself."""
    folder = HTML / "_static" / "lab"
    if not folder.is_dir():
        pytest.skip("the book is not built; run make book first")
    texts = "".join(p.read_text(encoding="utf-8") for p in folder.glob("*.js"))
    names = set(re.findall(r'"((?:models/)?[\w-]+\.js)"', texts))
    assert names and all((folder / name).is_file() for name in names)
