import numpy as np
import pytest

from curriculum import show
from curriculum.evaluation import stats
from curriculum.training import loop

ROWS = [
    {"arm": "baseline", "runs": 8, "right": 46.25, "change": None},
    {"arm": "hybrid <1>", "runs": 1200, "right": 42.0, "change": -0.001},
]


def test_a_table_is_text_and_html():
    table = show.show_table(ROWS, caption="Shares.", formats={"change": "+.2f"})
    assert repr(table).splitlines() == [
        "Shares.",
        "arm          runs   right  change",
        "baseline        8  46.250       –",
        "hybrid <1>  1,200  42.000    0.00",
    ]
    page = table._repr_html_()
    assert "<caption>Shares.</caption>" in page and "hybrid &lt;1&gt;" in page
    assert page.count('<td style="text-align: right">') == 6
    assert page.count("<tr>") == 3


def test_sequences_and_choices_of_columns():
    table = show.show_table([("a", np.int64(3)), ("b", np.float64(0.5))], ("x", "y"))
    assert repr(table).splitlines() == ["x      y", "a      3", "b  0.500"]
    chosen = show.show_table(ROWS, ("runs", "arm"))
    assert repr(chosen).splitlines()[0] == " runs  arm"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (([],), "rows is empty"),
        (([(1, 2)], ("a",)), "for 1 columns"),
        (([(1,)], ("a",), "", {"b": ".1f"}), "formats names 'b'"),
        (([("x" * 80,)], ("a",)), "80 characters wide, allowed 78"),
    ],
)
def test_unusable_tables_are_refused(given, said):
    with pytest.raises(ValueError, match=said):
        show.show_table(*given)


def test_intervals():
    assert show.interval(0.974, 0.951, 0.9849) == "0.97 [0.95, 0.98]"
    gap = stats.paired([0.9, 0.8, 0.85], [0.9, 0.8, 0.84])
    assert show.interval(gap, digits=1, scale=100).startswith("+0.3 [-1.")
    assert show.interval(-0.001, -0.1, 0.1) == "0.00 [-0.10, 0.10]"


def test_source_is_the_packages_own():
    assert repr(show.source(loop.train)).startswith("def train(")
    bare = show.source(loop.train, doc=False)
    assert '"""' not in repr(bare) and bare._repr_markdown_().startswith(
        "```python\ndef"
    )
    part = repr(show.source(loop.train, start="for step in", end="return"))
    assert part.startswith("for step in") and "return" not in part
    with pytest.raises(ValueError, match="'nowhere' is not in the source of train"):
        show.source(loop.train, start="nowhere")
