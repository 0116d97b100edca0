"""Sphinx extension: the first use of a glossary word in a chapter is a link with a card.

- Chapters are notebooks and name no roles, so that they read well in Colab. Here, when a
  page is written, the first plain use of each word in running text becomes a link to its
  entry, with the definition as the link's title.
- `assets/glossary.js` shows the title as a card, for pointer, keyboard and touch. Without
  it the link and the browser's own tooltip remain.
- Headings, captions, code, links and boxes are left as they are.
"""

import re

from docutils import nodes
from sphinx.addnodes import glossary
from sphinx.application import Sphinx

LONGEST = 280  # characters of a card
NOT_IN = (
    nodes.Admonition, nodes.title, nodes.caption, nodes.reference, nodes.literal,
    nodes.strong, nodes.emphasis, nodes.footnote, nodes.term, nodes.table,
)  # fmt: skip


def definitions(app: Sphinx) -> dict[str, tuple[str, str, str]]:
    """{word in small letters: (page, anchor, definition)} of all glossaries."""
    found = {}
    for doc in app.env.found_docs:
        if "glossary" not in doc:
            continue
        for place in app.env.get_doctree(doc).findall(glossary):
            for item in place.findall(nodes.definition_list_item):
                text = item.next_node(nodes.definition).astext()
                text = " ".join(text.split())
                if len(text) > LONGEST:  # whole sentences, at least one
                    short = text[: text[:LONGEST].rfind(". ") + 1]
                    text = short or text.split(". ")[0] + "."
                for term in item.findall(nodes.term):
                    word = term.astext().strip()
                    found[word.lower()] = (doc, term["ids"][0], text)
    return found


def pattern(words) -> re.Pattern:
    """Any of `words` as a whole word, also in the plural; longer words first."""
    words = sorted(words, key=len, reverse=True)
    one = "|".join(re.escape(w).replace(r"\ ", r"\s+") for w in words)
    return re.compile(rf"(?<![\w-])({one})(?:e?s)?(?![\w-])", re.IGNORECASE)


def running_text(tree: nodes.document):
    """The texts that stand directly in paragraphs, outside of boxes, links and code."""
    for text in list(tree.findall(nodes.Text)):
        above, paragraph = text.parent, isinstance(text.parent, nodes.paragraph)
        while above is not None and not isinstance(above, NOT_IN):
            above = above.parent
        if paragraph and above is None:
            yield text


def linked(text: str, pages, known: dict, left: set, find: re.Pattern) -> list:
    """`text` as nodes, with links at the first use of each word in `left`."""
    parts, end = [], 0
    for match in find.finditer(text):
        word = " ".join(match[1].lower().split())
        if word not in left:
            continue
        left.discard(word)
        doc, anchor, definition = known[word]
        uri = f"{pages(doc)}#{anchor}"
        link = nodes.reference("", match[0], refuri=uri, reftitle=definition)
        link["classes"].append("term")
        link["internal"] = True
        parts += [nodes.Text(text[end : match.start()]), link]
        end = match.end()
    return [*parts, nodes.Text(text[end:])] if parts else []


def link_words(app: Sphinx, tree: nodes.document, doc: str) -> None:
    """Links in the page `doc`, if it is a chapter."""
    if app.builder.format != "html" or not app.env.doc2path(doc).endswith(".ipynb"):
        return
    known = definitions(app)
    if not known:
        return
    find, left = pattern(known), set(known)
    for text in running_text(tree):
        parts = linked(
            text.astext(),
            lambda to: app.builder.get_relative_uri(doc, to),
            known,
            left,
            find,
        )
        if parts:
            text.parent.replace(text, parts)


def setup(app: Sphinx) -> dict:
    app.connect("doctree-resolved", link_words)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
