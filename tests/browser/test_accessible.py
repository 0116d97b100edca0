"""What axe-core, a checker of accessibility, finds on the laboratory and the front page."""

import hashlib
from pathlib import Path

import pytest
from test_lab import LAB, SUM, ask

VENDOR = Path(__file__).parent / "vendor"
AXE = VENDOR / "axe" / "axe.min.js"
# A colour that is still fading (the theme's, when a page opens dark) is no finding, and
# neither is a formula that is not yet set.
STILL = """async () => {
  await window.MathJax?.startup?.promise;
  await Promise.allSettled(document.getAnimations()
    .filter((a) => a.effect.getComputedTiming().endTime !== Infinity)
    .map((a) => a.finished));
}"""
# Without `preload`, with which axe would fetch style sheets of the theme by itself.
RUN = """async () => (await axe.run(document, { preload: false })).violations
  .filter((v) => ["serious", "critical"].includes(v.impact))
  .map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.target.join(" ")).join("; ")}`)"""

PAGES = [LAB] + [
    f"book/{name}.html"
    for name in (
        "intro", "03-how-hard-is-a-program", "05-measuring", "17-on-your-phone",
        "24-orders-everywhere", "bibliography",
    )
]  # fmt: skip


def findings(page):
    page.evaluate(STILL)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    return page.evaluate(RUN)


def test_the_checker_is_as_published():
    table = (VENDOR / "README.md").read_text(encoding="utf-8")
    assert hashlib.sha256(AXE.read_bytes()).hexdigest() in table


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_nothing_serious_is_found(visit, name, scheme, width):
    page = visit(name, width=width, scheme=scheme)
    assert findings(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_is_found_in_an_answer(visit, scheme):
    page = visit(LAB, width=390, scheme=scheme)
    ask(page, SUM)
    page.locator(".lab-card .lab-character").nth(2).focus()
    assert page.locator(".lab-detail").is_visible()
    assert findings(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_is_found_in_scores_and_while_watching(visit, scheme):
    page = visit(LAB, width=390, scheme=scheme)
    page.click("#lab-score button")
    page.wait_for_selector("#lab-score table")
    page.click("#lab-watch button")
    page.wait_for_selector("#watch-step")
    page.evaluate("scrollTo(0, 0)")  # the theme's own button fades in and out
    page.locator("#pst-back-to-top").wait_for(state="hidden")
    assert findings(page) == []


def test_the_checker_finds_a_mistake(visit):
    page = visit(LAB)
    page.evaluate(
        "document.querySelector('#lab-program').removeAttribute('aria-label')"
    )
    page.evaluate("document.querySelector('label[for=lab-program]').remove()")
    assert any("label" in line for line in findings(page))
