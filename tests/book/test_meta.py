"""What other programs read of a page: descriptions, Open Graph, sitemap, the 404 page."""

import re
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import book_meta
import pytest
import yaml
from docutils import nodes

import curriculum

ROOT = Path(__file__).parents[2]


def app(base, out=None):
    config = SimpleNamespace(html_baseurl=base, html_title="The <book>", project="p")
    env = SimpleNamespace(
        titles={"book/a": nodes.title("", 'A "title" & more')},
        found_docs={"book/a", "book/b"},
    )
    builder = SimpleNamespace(format="html")
    return SimpleNamespace(config=config, env=env, builder=builder, outdir=out)


def page(*texts):
    tree = nodes.document(None, None)
    tree += nodes.section("", *(nodes.paragraph("", text) for text in texts))
    return tree


def found(base, tree):
    context = {"metatags": "<meta before>"}
    book_meta.tags(app(base), "book/a", None, context, tree)
    assert context["metatags"].startswith("<meta before>")
    pairs = re.findall(
        r'<meta (?:property|name)="([^"]*)" content="([^"]*)">', context["metatags"]
    )
    return dict(pairs)


def test_a_page_describes_itself_by_its_first_sentence():
    tags = found("", page('Is "it" real?  Yes.', "Second."))
    assert tags["description"] == tags["og:description"]
    assert tags["description"] == "Is &quot;it&quot; real? Yes."
    assert tags["og:title"] == "A &quot;title&quot; &amp; more"
    assert not {"og:url", "og:image"} & set(tags)  # they need an address


def test_with_an_address_a_page_names_its_own_and_a_picture():
    tags = found("https://example.org/book/", page("One."))
    assert tags["og:url"] == "https://example.org/book/book/a.html"
    assert tags["og:image"].startswith("https://example.org/book/_static/")
    assert (ROOT / "book/assets" / tags["og:image"].split("_static/")[1]).is_file()


def test_a_long_description_ends_at_a_word():
    text = book_meta.describe(page("word " * 100))
    assert len(text) <= book_meta.LONGEST + 2 and text.endswith("word …")
    box = nodes.admonition("", nodes.paragraph("", "in a box"))
    tree = nodes.document(None, None)
    tree += [box, nodes.section("", nodes.paragraph("", "outside"))]
    assert book_meta.describe(tree) == "outside"
    assert book_meta.describe(nodes.document(None, None)) == ""


@pytest.mark.parametrize("base", ["", "https://example.org/book"])
def test_the_sitemap_needs_an_address_and_lists_every_page(base, tmp_path):
    (tmp_path / "sitemap.xml").write_text("of an earlier build")
    book_meta.write(app(base, tmp_path), None)
    place = tmp_path / "sitemap.xml"
    assert place.exists() == bool(base)
    if base:
        space = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
        root = ElementTree.parse(place).getroot()
        assert [e.text for e in root.iter(f"{space}loc")] == [
            "https://example.org/book/book/a.html",
            "https://example.org/book/book/b.html",
        ]
    text = (tmp_path / "404.html").read_text(encoding="utf-8")
    assert f'href="{base + "/" if base else ""}index.html"' in text
    assert "The &lt;book&gt;" in text and "src=" not in text and "<link" not in text


def test_the_citation_is_that_of_this_version():
    kept = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    assert kept["version"] == curriculum.__version__
    assert kept["title"] == config["title"]
    intro = (ROOT / "book" / "intro.md").read_text(encoding="utf-8")
    (entry,) = re.findall(r"```bibtex\n(.*?)```", intro, re.DOTALL)
    assert f"title  = {{{kept['title']}}}" in entry
    assert f"version {kept['version']}}}" in entry
    assert kept["authors"][0]["name"] in entry
