"""Boxes titled "Predict": a guess, then the result; everything visible without a script."""

import pytest
from built import HTML

CHAPTERS = sorted(p.name for p in (HTML / "book").glob("[0-9][0-9]-*.html"))
CHAPTER = "book/05-measuring.html"
BOXES = """() => [...document.querySelectorAll(".admonition-title")]
  .filter((t) => t.textContent.trim() === "Predict").length"""


def hidden(page):
    return page.locator(".predict-hidden").count()


@pytest.mark.parametrize("name", CHAPTERS)
def test_each_box_hides_what_follows_and_reveals_it(visit, name):
    page = visit(f"book/{name}")
    boxes, forms = page.evaluate(BOXES), page.locator(".predict").count()
    assert forms <= boxes
    before = hidden(page)
    for part in page.locator(".predict-hidden").all():
        assert not part.is_visible()
    assert before >= forms
    for _ in range(forms):
        left = hidden(page)
        page.locator(".predict button").first.click()
        assert hidden(page) < left
    assert hidden(page) == 0 and page.locator(".predict button").count() == 0


def test_most_boxes_of_the_book_have_something_to_reveal(visit):
    boxes = forms = 0
    for name in CHAPTERS:
        page = visit(f"book/{name}")
        boxes += page.evaluate(BOXES)
        forms += page.locator(".predict").count()
    print(f"{forms} of {boxes} boxes")
    assert boxes > 10 and forms >= 0.6 * boxes


def test_a_guess_is_kept_and_the_result_comes_with_the_keyboard(visit):
    page = visit(CHAPTER)
    guess = page.locator(".predict input").first
    guess.focus()
    page.keyboard.type("token most, execution least")
    page.reload()
    assert page.locator(".predict input").first.input_value() == (
        "token most, execution least"
    )
    assert page.locator(".predict input").nth(1).input_value() == ""
    before = hidden(page)
    page.locator(".predict input").first.press("Enter")
    assert hidden(page) < before
    assert "shown below" in page.inner_text(".predict [role=status] >> nth=0")


def test_without_javascript_and_on_paper_everything_is_visible(visit):
    plain = visit(CHAPTER, java_script_enabled=False, check=False)
    assert hidden(plain) == 0 and plain.locator(".predict").count() == 0
    page = visit(CHAPTER)
    assert hidden(page)
    page.emulate_media(media="print")
    assert all(part.is_visible() for part in page.locator(".predict-hidden").all())
    assert not page.locator(".predict").first.is_visible()


def test_without_storage_the_button_still_works(visit):
    page = visit(CHAPTER, from_file=True)
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new Error(); } })"
    )
    page.watch.wrong.clear()
    page.reload()
    # The theme has errors of its own without storage.
    page.watch.wrong[:] = [w for w in page.watch.wrong if "predict" in w]
    page.locator(".predict input").first.fill("a guess")
    before = hidden(page)
    page.locator(".predict button").first.click()
    assert hidden(page) < before


def test_a_link_to_something_hidden_shows_it(visit):
    for name in CHAPTERS:
        page = visit(f"book/{name}")
        figure = page.locator(".predict-hidden figure[id]")
        if figure.count():
            name_of_figure = figure.first.get_attribute("id")
            page.evaluate("(id) => { location.hash = id; }", name_of_figure)
            page.wait_for_selector(f"#{name_of_figure}", state="visible")
            return
    pytest.skip("no figure is hidden anywhere")
