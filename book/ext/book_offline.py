"""Sphinx extension: the build fails when a page would load anything from afar.

A reader without a network must see the whole book, so every script, style, font and
picture comes from the book itself. After an HTML build this extension reads all pages
and style sheets that were written and lists what they would fetch from elsewhere.

- Links that a reader clicks are fine; what a browser loads by itself is not.
- Looked at: attributes that load (`src`, `srcset`, `poster`, ...), `<link>` relations
  that load, `url(...)` and `@import` in styles, and addresses of scripts, styles or
  modules inside inline scripts.
"""

import re
from html.parser import HTMLParser
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

LOADING = {
    "audio": ("src",),
    "embed": ("src",),
    "frame": ("src",),
    "iframe": ("src",),
    "image": ("href", "xlink:href"),
    "img": ("src", "srcset"),
    "input": ("src",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src", "srcset"),
    "track": ("src",),
    "use": ("href", "xlink:href"),
    "video": ("src", "poster"),
}
LOADING_RELATIONS = {
    "apple-touch-icon",
    "dns-prefetch",
    "icon",
    "manifest",
    "mask-icon",
    "modulepreload",
    "preconnect",
    "prefetch",
    "preload",
    "stylesheet",
}
DATA_SCRIPTS = ("json", "text/plain", "text/x-template")
REMOTE = re.compile(r"^\s*(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
CSS_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
CSS_URL = re.compile(r"(?:url\(\s*|@import\s+)[\"']?((?:https?:)?//[^\"')\s]+)", re.I)
SCRIPT_URL = re.compile(
    r"[\"'`]((?:https?:)?//[^\"'`\s]+?\.(?:m?js|css|wasm|woff2?|json)(?:[?#][^\"'`]*)?"
    r"|(?:https?:)?//(?:cdn|unpkg|esm|fonts)\.[^\"'`\s]+)[\"'`]",
    re.IGNORECASE,
)


class _Page(HTMLParser):
    """Collects (what, address) of everything a page loads from elsewhere."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, str]] = []
        self._inside = ""

    def handle_starttag(self, tag, attributes):
        values = {name: value or "" for name, value in attributes}
        for name in LOADING.get(tag, ()):
            # A srcset holds several candidates, "address width, address width".
            parts = values.get(name, "")
            parts = parts.split(",") if name == "srcset" else [parts]
            self.found += [
                (f"{tag} {name}", p.strip()) for p in parts if REMOTE.match(p)
            ]
        relations = set(values.get("rel", "").lower().split())
        if tag == "link" and relations & LOADING_RELATIONS:
            if REMOTE.match(values.get("href", "")):
                self.found.append(("link", values["href"]))
        self._styles("style attribute", values.get("style", ""))
        if tag == "script":
            kind = values.get("type", "").lower()
            self._inside = "" if any(d in kind for d in DATA_SCRIPTS) else "script"
        elif tag == "style":
            self._inside = "style"

    def handle_endtag(self, tag):
        if tag in ("script", "style"):
            self._inside = ""

    def handle_data(self, data):
        if self._inside == "style":
            self._styles("style", data)
        elif self._inside == "script":
            self.found += [("inline script", u) for u in SCRIPT_URL.findall(data)]

    def _styles(self, what, text):
        self.found += [(what, url) for url in remote_in_css(text)]


def remote_in_css(text: str) -> list[str]:
    """Addresses elsewhere that a style sheet would load."""
    return CSS_URL.findall(CSS_COMMENT.sub("", text))


def remote_in_html(text: str) -> list[tuple[str, str]]:
    """(what, address) of everything elsewhere that a page would load."""
    page = _Page()
    page.feed(text)
    page.close()
    return page.found


def remote_assets(folder: Path) -> list[str]:
    """One line per remote asset of the pages and style sheets under `folder`."""
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".html":
            text = path.read_text(encoding="utf-8")
            found += [f"{name}: {what}: {url}" for what, url in remote_in_html(text)]
        elif path.suffix == ".css":
            text = path.read_text(encoding="utf-8")
            found += [f"{name}: style sheet: {url}" for url in remote_in_css(text)]
    return found


def verify(app: Sphinx, exception: Exception | None) -> None:
    if exception or app.builder.format != "html":
        return
    found = remote_assets(Path(app.outdir))
    if found:
        raise ExtensionError(
            f"{len(found)} remote assets; keep a copy in book/assets instead:\n"
            + "\n".join(found[:20])
        )


def setup(app: Sphinx) -> dict:
    # After the extensions that still write files when the build is finished.
    app.connect("build-finished", verify, priority=900)
    return {
        "version": "1",
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
