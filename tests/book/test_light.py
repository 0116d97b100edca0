"""A page loads what it needs when it is needed: what the extension changes, and what not."""

import book_light

PAGE = """<head><script src="../_static/scripts/fontawesome.js?digest=1"></script>
<script src="../_static/other.js"></script>
<script src="../_static/vendor/html-manager/embed.js?v=2"></script></head>
<img src="../_images/logo.png">
<article class="bd-article"><p>a</p><img alt="1" src="../_images/1.png">
<p>b</p><img alt="2" src="../_images/2.png"><img src="data:x"></article>"""


def test_icons_come_from_the_font_and_widgets_later():
    light = book_light.lighter(PAGE)
    assert "fontawesome.js" not in light and "other.js" in light
    assert (
        '<script src="../_static/widgets.js"'
        ' data-manager="../_static/vendor/html-manager/embed.js?v=2"></script>'
    ) in light


def test_the_first_picture_is_loaded_at_once_the_others_when_they_come_near():
    light = book_light.lighter(PAGE)
    assert light.count('loading="lazy"') == 1
    assert '<img loading="lazy" alt="2"' in light and '<img alt="1"' in light


def test_a_light_page_stays_as_it_is():
    light = book_light.lighter(PAGE)
    assert book_light.lighter(light) == light
