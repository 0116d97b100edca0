"""A real browser on the built book: served on 127.0.0.1, or opened from its folder.

    make browser

Every test here is skipped where the book is not built, or Playwright or Chromium is
missing. `make test` does not need them.
"""

import functools
import http.server
import shutil
import threading

import pytest
from built import HTML

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words):
        pass


@pytest.fixture(scope="session")
def address():
    """Where the built book is served: http://127.0.0.1:port/"""
    if not (HTML / "book" / "lab.html").exists():
        pytest.skip("the book is not built; run make book first")
    handler = functools.partial(Quiet, directory=str(HTML))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window."""
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is missing; run make browser"
    )
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"no browser is installed; one of {', '.join(BROWSERS)} is needed")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=program,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield started
        started.close()


class Watch:
    """What went wrong on a page: messages, errors, requests to another place."""

    def __init__(self, page, allowed):
        self.wrong: list[str] = []
        allowed = (allowed, "blob:", "data:")
        page.on("pageerror", lambda e: self.wrong.append(f"error: {e}"))
        page.on("console", self._console)
        page.on("requestfailed", lambda r: self.wrong.append(f"failed: {r.url}"))
        page.on(
            "request",
            lambda r: (
                None
                if r.url.startswith(allowed)
                else self.wrong.append(f"asked for: {r.url}")
            ),
        )

    def _console(self, message):
        if message.type == "error":
            where = message.location.get("url", "")
            self.wrong.append(f"{message.type}: {message.text} {where}")


@pytest.fixture
def visit(browser, address):
    """A function that opens a page of the book: visit("book/lab.html", width=390, …).

    When the test is over, nothing may have gone wrong on any page it opened.
    """
    contexts, watches = [], []

    def open_page(
        name, width=1280, scheme="light", from_file=False, check=True, **other
    ):
        options = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
        context = browser.new_context(**options, **other)
        contexts.append(context)
        page = context.new_page()
        base = HTML.as_uri() + "/" if from_file else address
        page.watch = Watch(page, base)
        if check:
            watches.append(page.watch)
        page.goto(base + name, wait_until="load")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [line for watch in watches for line in watch.wrong] == []
