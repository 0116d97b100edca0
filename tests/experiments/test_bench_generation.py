"""The references of generation and scoring compute the same as ours; corpus sizes."""

from random import Random

import pytest

from curriculum import difficulty
from curriculum.data import corpus, tinypy
from curriculum.data.tinypy import VARIANTS
from curriculum.experiments.bench import corpus_sizes
from curriculum.experiments.bench import reference_generation as plain
from curriculum.experiments.bench import reference_scoring as scoring

CASES = [(v, level) for v in VARIANTS for level in (*VARIANTS[v].levels, "ALL")]


class OurRandom(Random):
    """Chooses as our sampler does, so that both take the same decisions."""

    def choice(self, options):
        return tinypy._choose(self.random, options)


@pytest.mark.parametrize("variant, level", CASES)
def test_the_plain_generator_draws_the_same_programs_from_the_same_numbers(
    variant, level
):
    ours, theirs = Random("same"), OurRandom("same")
    generator = plain.Generator(level, theirs, variant)
    for _ in range(300):
        code = "".join(generator.tree().leaves())
        assert code == tinypy.sample(level, ours, variant).code
    assert ours.getstate() == theirs.getstate()


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_plain_generator_keeps_the_same_texts(variant):
    spec = corpus.CorpusSpec(200, "ALL", variant, 0, 1_000_000, 1_000_000)
    rng = OurRandom(f"0/{variant}/ALL/0")  # of the corpus's first block
    texts = plain.generate("ALL", rng, variant, size=200)
    assert texts == corpus.build(spec).texts


def test_the_tree_is_one():
    root = plain.Generator("2.2", Random(0)).tree()
    nodes = [root]
    for node in nodes:
        assert all(child.parent is node for child in node.children)
        nodes += node.children
    assert len(set(map(id, nodes))) == len(nodes) > len(list(root.leaves()))
    assert root.children[0].symbol == "<2.2>"


@pytest.mark.parametrize("variant", VARIANTS)
def test_plain_scoring_gives_the_same_scores(variant):
    codes = corpus.build(corpus.CorpusSpec(400, variant=variant)).codes
    ours, theirs = difficulty.score_many(codes).table, scoring.score_many(codes)
    assert list(ours) == list(theirs)
    for name, column in ours.items():
        assert column == pytest.approx(theirs[name], rel=1e-12), name


def test_corpus_sizes_measures_every_step_of_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus_sizes, "STEPS", 60)
    row = corpus_sizes.measure(3_000, "july")
    assert set(corpus_sizes.FIXED) < set(row["seconds"]) == set(row["peak_mb"])
    assert all(seconds > 0 for seconds in row["seconds"].values())
    assert row["cpu_seconds"].keys() == row["seconds"].keys()
    peaks = list(row["peak_mb"].values())
    assert peaks == sorted(peaks) and peaks[0] > 50, "a peak never falls"
    text = corpus_sizes.table([row, {**row, "size": 6_000}])
    assert (
        f"{row['cpu_seconds']['generate'] / 3_000 * 1e6:.1f}" in text
        and "6,000" in text
    )
