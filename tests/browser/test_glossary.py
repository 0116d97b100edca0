"""Words of the glossary show their definition, for pointer, keyboard and touch."""


def test_a_word_shows_its_definition_and_leads_to_its_entry(visit):
    page = visit("book/05-measuring.html")
    word = page.locator("a.term", has_text="teacher").or_(page.locator("a.term")).first
    card = page.locator("#term-card")
    assert card.is_hidden() and not word.get_attribute("title")
    word.focus()
    assert card.inner_text() == word.get_attribute("data-definition") != ""
    assert word.get_attribute("aria-describedby") == "term-card"
    page.keyboard.press("Escape")
    assert card.is_hidden()
    word.hover()
    assert card.is_visible()
    anchor = word.get_attribute("href").split("#")[1]
    word.click()
    page.wait_for_url(f"**/glossary.html#{anchor}")
    assert page.locator(f"dt#{anchor}").count() == 1


def test_a_touch_shows_the_card_first(visit):
    page = visit("book/08-sequential.html", width=390, has_touch=True, is_mobile=True)
    word, here = page.locator("a.term").nth(2), page.url
    word.tap()
    assert page.locator("#term-card").is_visible() and page.url == here
    box = page.locator("#term-card").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390
    word.tap()
    page.wait_for_url("**/glossary.html#*")


def test_the_words_are_links_without_a_script(visit):
    page = visit("book/08-sequential.html", java_script_enabled=False, check=False)
    word = page.locator("a.term").first
    assert word.get_attribute("title") and "#term-" in word.get_attribute("href")
