"""The first use of a glossary word in a chapter is a link, and nothing else is."""

import book_glossary
import pytest
from docutils import nodes

KNOWN = {
    word: ("book/glossary", f"term-{word.replace(' ', '-')}", f"what {word} is")
    for word in ("order", "plan", "plan check", "seed", "loss")
}


def link(text, left=None):
    """`text` with each link as [word|anchor]."""
    left = set(KNOWN) if left is None else left
    find = book_glossary.pattern(KNOWN)
    parts = book_glossary.linked(text, lambda doc: f"{doc}.html", KNOWN, left, find)
    said = [
        f"[{p.astext()}|{p['refuri'].split('#')[1]}]"
        if isinstance(p, nodes.reference)
        else p.astext()
        for p in parts
    ]
    return "".join(said)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("the plan, again the plan", "the [plan|term-plan], again the plan"),
        ("a plan check first", "a [plan check|term-plan-check] first"),
        ("Orders and two losses", "[Orders|term-order] and two [losses|term-loss]"),
        ("reorder, planned, plan-wise, seedling", ""),
        ("a plan\ncheck", "a [plan\ncheck|term-plan-check]"),
    ],
)
def test_whole_words_are_linked_once(text, found):
    assert link(text) == found


def test_what_was_linked_before_on_the_page_is_left():
    assert link("the plan and its order", left={"order"}) == (
        "the plan and its [order|term-order]"
    )


def test_only_running_text_is_linked():
    def paragraph(*parts):
        return nodes.paragraph("", "", *parts)

    tree = nodes.document(None, None)
    box = nodes.admonition("", nodes.title("", "plan"), paragraph(nodes.Text("plan b")))
    tree += [
        paragraph(nodes.Text("plan a"), nodes.literal("", "plan c")),
        paragraph(nodes.reference("", "plan d", refuri="x")),
        box,
        nodes.section("", nodes.title("", "plan e"), paragraph(nodes.Text("plan f"))),
        nodes.literal_block("", "plan g"),
    ]
    texts = [t.astext() for t in book_glossary.running_text(tree)]
    assert texts == ["plan a", "plan f"]
