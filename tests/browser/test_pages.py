"""Every page of the book: no error, no request elsewhere, nothing wider than the screen."""

import collections
import gzip
from urllib.parse import unquote, urlsplit

import pytest
from built import HTML

PAGES = sorted(
    p.relative_to(HTML).as_posix()
    for p in [*(HTML / "book").glob("*.html"), *HTML.glob("*.html")]
    if p.name not in ("index.html", "404.html")
)
# Blocks that a reader at 1280 pixels has to scroll, in the whole book. Four were left when
# this was written; another system's fonts may add one or two.
CLIPPED = 6
HEAVIEST = 1_000_000  # bytes that a page loads before it is scrolled, compressed

CLIP = """() => {
  document.querySelectorAll(".predict-hidden").forEach(
    (e) => e.classList.remove("predict-hidden"));
  return [...document.querySelectorAll(
    ".bd-article div.highlight pre, .bd-article .cell_output pre")]
    .filter((e) => e.offsetParent && e.scrollWidth > e.clientWidth + 1)
    .map((e) => e.textContent.trim().replace(/\\s+/g, " ").slice(0, 60));
}"""
PACKED = {".woff", ".woff2", ".png"}  # compressed already


def weight(page) -> int:
    """Bytes that a page has loaded so far, as a server would send them, compressed."""
    asked = page.evaluate(
        "[location.href, ...performance.getEntriesByType('resource').map((e) => e.name)]"
    )
    total = 0
    for address in dict.fromkeys(asked):
        path = HTML / unquote(urlsplit(address).path).lstrip("/")
        if path.is_file():
            data = path.read_bytes()
            total += len(data if path.suffix in PACKED else gzip.compress(data))
    return total


FOUND: dict[str, dict] = collections.defaultdict(dict)


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_loads_without_an_error_and_fits(visit, name, scheme):
    page = visit(name, width=1280, scheme=scheme)
    assert page.locator("h1").count() >= 1 or "genindex" in name or "search" in name
    FOUND[name]["weight"] = weight(page)
    FOUND[name]["clipped"] = page.evaluate(CLIP)
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert 100_000 < FOUND[name]["weight"] <= HEAVIEST


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_from_its_folder_on_a_phone(visit, name):
    page = visit(name, width=390, from_file=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_for_wrong_addresses_stands_alone(visit, width):
    page = visit("404.html", width=width, scheme="dark", check=False)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("link").click()
    page.wait_for_url("**/book/intro.html")


def test_on_paper_every_folded_part_is_open(visit):
    page = visit("book/08-sequential.html")
    closed = "document.querySelectorAll('.bd-article details:not([open])').length"
    assert page.evaluate(closed) > 3
    before = page.evaluate(closed)
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(closed) == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(closed) == before


@pytest.mark.parametrize("from_file", [False, True])
def test_the_books_address_leads_to_its_first_page(visit, from_file):
    page = visit("index.html", from_file=from_file, check=False)
    page.wait_for_url("**/book/intro.html")


def test_few_blocks_are_clipped(capsys):
    """After the tests above have looked."""
    if len(FOUND) < len(PAGES):
        pytest.skip("run the whole file: the pages above are counted")
    total = 0
    with capsys.disabled():
        print()
        for name, found in FOUND.items():
            total += len(found["clipped"])
            print(
                f"{name:40} {found['weight'] / 1e6:5.2f} MB",
                *found["clipped"],
                sep="  ",
            )
        print(f"{total} clipped blocks")
    assert total <= CLIPPED
