"""Icons come from the font alone, and the manager of widgets when it is needed."""

import pytest

WIDGET = "script[type='application/vnd.jupyter.widget-view+json']"


def test_icons_are_drawn_by_the_font(visit):
    page = visit("book/05-measuring.html")
    icon = page.locator(".fa-bars").first
    family = "(e) => getComputedStyle(e, '::before').fontFamily"
    assert "Font Awesome" in icon.evaluate(family)
    assert icon.bounding_box()["width"] > 8


@pytest.mark.parametrize("from_file", [False, True])
def test_widgets_appear_when_a_reader_comes_near(visit, from_file):
    page = visit("book/09-incremental.html", from_file=from_file)
    assert page.locator(".widget-slider").count() == 0
    page.locator(WIDGET).first.evaluate("(e) => e.parentElement.scrollIntoView()")
    page.locator(".widget-slider").first.wait_for(timeout=30_000)
    assert page.locator(".widget-slider").count() == 3
