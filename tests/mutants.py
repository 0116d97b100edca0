"""Planted bugs: each must be found by the tests named beside it.

    python tests/mutants.py                # all of them; `make mutants`
    python tests/mutants.py hybrid sandbox # those whose words or file say so

- A bug is a change of one place in the package, such as anybody might make by mistake.
- It is planted into a copy, and the tests beside it are run on that copy. If they pass,
  nobody would have noticed: the run ends with exit code 1.
- The tests pass without the bug, as `make test` shows.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]


class Mutant(NamedTuple):
    """A planted bug: `old` becomes `new` in `file`, and `tests` have to fail."""

    what: str
    file: str  # below the package
    old: str  # stands there exactly once
    new: str
    tests: tuple[str, ...]  # below tests/


MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "a resumed sampler begins at the first step again",
        "ordering/feed.py",
        "for step in self.steps[self.start :]:\n            for part",
        "for step in self.steps:\n            for part",
        ("ordering/test_feed.py::test_a_resume_goes_on_where_the_run_stopped",),
    ),
    Mutant(
        "ranks leave out the last row of each step",
        "ordering/feed.py",
        "return [step[rank::world] for step in steps]",
        "return [step[rank : len(step) - 1 : world] for step in steps]",
        ("ordering/test_feed.py::test_ranks_share_each_step_and_lose_nothing",),
    ),
    Mutant(
        "a rank that stopped early ends the audit of all ranks",
        "ordering/feed.py",
        "steps = zip_longest(*deliveries, fillvalue=())",
        "steps = zip(*deliveries)",
        ("ordering/test_feed.py::test_a_rank_that_stops_early_is_missed",),
    ),
    Mutant(
        "any reshuffled run of single rows is called one by length",
        "ordering/another_order.py",
        "within[0] < within[1] / 2",
        "within[0] <= within[1] / 2",
        ("ordering/test_feed.py::test_other_orders_are_not_called_orders_by_length",),
    ),
    Mutant(
        "texts without a score shift the ids of those after them",
        "experiments/own.py",
        "return Plan(e.make_schedule(), ids, scores[ids]",
        "return Plan(e.make_schedule(), np.arange(len(ids)), scores[ids]",
        ("experiments/test_own.py::test_texts_without_a_score_are_left_out",),
    ),
    Mutant(
        "rows of a table without a text are planned",
        "data/columns.py",
        "if not isinstance(value, str) or not value.strip():",
        "if not isinstance(value, str):",
        ("experiments/test_own.py::test_what_cannot_be_planned_is_one_line",),
    ),
    Mutant(
        "a model for a page has the bytes of its weights swapped",
        "export.py",
        "both[:, ::-1].T.tobytes()",
        "both.T.tobytes()",
        ("test_export.py::test_a_model_comes_back_bit_by_bit",),
    ),
    Mutant(
        "the digest of a model for a page is not compared",
        "export.py",
        "if digest != _digest(header_text, weights):",
        "if not digest:",
        ("test_export.py::test_any_changed_character_is_found",),
    ),
    Mutant(
        "`except*` is counted only where radon counts it",
        "difficulty/decisions.py",
        "rows = [(word, 1, radon)] * len(node.handlers)",
        "rows = [(word, radon, radon)] * len(node.handlers)",
        ("difficulty/test_pairs.py",),
    ),
    Mutant(
        "decisions in decorators and defaults are forgotten",
        "difficulty/decisions.py",
        "head = place._replace(radon=False)  #",
        "head = place._replace(ours=False, radon=False)  #",
        ("difficulty/test_pairs.py",),
    ),
    Mutant(
        "the field of a dataclass is taken for a mere hint",
        "difficulty/documentation.py",
        "return not isinstance(parent, ast.ClassDef)",
        "return True",
        ("difficulty/test_pairs.py",),
    ),
    Mutant(
        "columns are taken for bytes after an “ü”",
        "difficulty/lexical.py",
        "byte if text.isascii() else len(text.encode()[:byte].decode())",
        "byte",
        ("difficulty/test_pairs.py",),
    ),
    Mutant(
        "radon's overall metric is made of our count",
        "difficulty/metrics.py",
        "return (program.cyclomatic_radon + program.halstead_radon) / 2",
        "return (program.cyclomatic + program.halstead_radon) / 2",
        ("difficulty/test_pairs.py",),
    ),
    Mutant(
        "a long chain of `elif` is refused as nested",
        "difficulty/parse.py",
        "return _without_elif(self.source) if deep else self.tree",
        "return self.tree",
        ("difficulty/test_difficulty.py",),
    ),
    Mutant(
        "a pipe is opened, and waited for",
        "difficulty/reading.py",
        "if not stat.S_ISREG(mode):",
        "if stat.S_ISDIR(mode):",
        ("difficulty/test_reading.py",),
    ),
    Mutant(
        "output beyond the limit, caught by the program, is fine",
        "data/sandbox_child.py",
        "over = stdout.over or self.caught.over",
        "over = self.caught.over",
        ("data/test_sandbox_faults.py",),
    ),
    Mutant(
        "a MemoryError that the program caught is fine",
        "data/sandbox_child.py",
        "if isinstance(sys.exception(), MemoryError):",
        "if False:",
        ("data/test_sandbox_faults.py",),
    ),
    Mutant(
        "a program may stop the clock that limits it",
        "data/sandbox_keeper.py",
        "if used > self.seconds + GRACE:",
        "if False:",
        ("data/test_sandbox_faults.py",),
    ),
    Mutant(
        "a program may add outcomes for others",
        "data/sandbox_keeper.py",
        "or len(outcomes) > most",
        "",
        ("data/test_sandbox_faults.py",),
    ),
    Mutant(
        "a program finds the files of the one before",
        "data/sandbox_keeper.py",
        "            walls.empty(place)",
        "            pass",
        ("data/test_sandbox_faults.py",),
    ),
    Mutant(
        "a run that misses its last steps is in order",
        "ordering/audit.py",
        "return self.faithful and self.complete",
        "return self.faithful",
        ("ordering/test_audit.py",),
    ),
    Mutant(
        "a cause is named that leaves most steps unexplained",
        "ordering/causes.py",
        "if left > LEFT * wrong or",
        "if",
        ("ordering/test_causes.py",),
    ),
    Mutant(
        "the wrong end of the hard programs is replayed",
        "ordering/check.py",
        "return len(LABELS) - 1 - label, flip[end]",
        "return len(LABELS) - 1 - label, end",
        ("ordering/test_check.py",),
    ),
    Mutant(
        "one id may stand twice in a plan",
        "ordering/inputs.py",
        '(again, "stands twice',
        '(again & False, "stands twice',
        ("ordering/test_check.py",),
    ),
    Mutant(
        "a paced plan may be smaller than its batch",
        "ordering/plan.py",
        "if schedule.pacing and len(self.ids) < batch:",
        "if schedule.pacing and not len(self.ids):",
        ("ordering/test_check.py",),
    ),
    Mutant(
        "shifted targets are not noticed in anybody's loop",
        "ordering/recorder.py",
        "not learnt.any() or not _follows(x, y, learnt, shifted)",
        "not learnt.any()",
        ("ordering/test_recorder.py",),
    ),
    Mutant(
        "a model with ReLU is taken for one with GELU",
        "sources.py",
        '"cores.py", "model.py", "data",\n            "training",',
        '"cores.py", "data",\n            "training",',
        ("test_sources.py",),
    ),
    Mutant(
        "the digest of a record is not compared",
        "files.py",
        "if kept is not None and kept != digest(value):",
        "if kept is not None and not kept:",
        ("test_files.py",),
    ),
    Mutant(
        "what a killed process left behind stays",
        "files.py",
        "if number.isdigit() and not _alive(int(number)):",
        "if number.isdigit() and _alive(int(number)):",
        ("test_files.py",),
    ),
    Mutant(
        "a flipped bit in a file of tensors is not noticed",
        "tensors.py",
        "    if not sound:",
        "    if sound is None:",
        ("test_files.py",),
    ),
    Mutant(
        "a run goes on with another loss",
        "training/batches.py",
        '            "loss_on": self.loss_on,\n',
        "",
        ("training/test_checkpoint.py",),
    ),
    Mutant(
        "a run goes on with another seed's weights",
        "training/checkpoint.py",
        '"model seed": getattr(model, "seed", None),',
        '"model seed": None,',
        ("training/test_checkpoint.py",),
    ),
    Mutant(
        "the log is not kept in the checkpoint",
        "training/checkpoint.py",
        '"seconds", "history")',
        '"seconds")',
        ("training/test_checkpoint.py",),
    ),
    Mutant(
        "a record of another scale counts as done",
        "experiments/records.py",
        'asked |= {f"scale.{k}": v for k, v in whole.items()}',
        'asked |= {f"scale.{k}": found[f"scale.{k}"] for k in whole}',
        ("experiments/test_identity.py",),
    ),
    Mutant(
        "a record made by other code counts as done",
        "experiments/records.py",
        'if not any_code and record.get("sources") != code_digest("results"):',
        'if not any_code and record.get("sources") == "":',
        ("experiments/test_identity.py",),
    ),
    Mutant(
        "scores are kept under the name of their scorer alone",
        "experiments/experiment.py",
        "            parts.train.tolist(),\n",
        "",
        ("experiments/test_identity.py",),
    ),
    Mutant(
        "the noise of programs is divided by the seeds",
        "evaluation/stats.py",
        "programs = by_program.var(ddof=1) - rest / S",
        "programs = by_program.var(ddof=1) - rest / P",
        ("evaluation/test_stats.py",),
    ),
    Mutant(
        "an empty path is the working folder",
        "experiments/cli.py",
        "if not text.strip():",
        "if text is None:",
        ("experiments/test_experiment.py::test_bad_input_is_one_line_and_exit_code_2",),
    ),
    Mutant(
        "a shuffle depends on its name and not on its seed",
        "files.py",
        'np.argsort(hash_bits(np.arange(n), *key), kind="stable")',
        'np.argsort(hash_bits(np.arange(n), *key[:1]), kind="stable")',
        ("test_files.py::test_orders_and_draws_are_functions_of_their_key_alone",),
    ),
    Mutant(
        "an unknown character is read as the first one of the alphabet",
        "data/tokenizer.py",
        "np.full(self._points.max() + 2, -1, dtype=np.int16)",
        "np.zeros(self._points.max() + 2, dtype=np.int16)",
        ("data/test_corpus.py::test_an_unknown_character_is_named_with_its_place",),
    ),
    Mutant(
        "a loop that should turn twice turns once",
        "data/tinypy.py",
        "LOOPS = ((1, 2), (2, 1), (2, 2), (2, 3), (3, 2))",
        "LOOPS = ((1, 2), (2, 1), (2, 1), (2, 3), (3, 2))",
        ("data/test_tinypy.py::test_golden_stream",),
    ),
    Mutant(
        "a program drawn twice stands in the corpus twice",
        "data/corpus.py",
        'again[code] = reason or "duplicate"',
        'again[code] = reason or ""',
        ("data/test_corpus.py::test_golden_hash",),
    ),
    Mutant(
        "the shares of the split are given to other sides",
        "data/corpus.py",
        "bounds = np.cumsum(shares[:2])",
        "bounds = np.cumsum(shares[1:])",
        ("data/test_corpus.py::test_shares_are_met_on_average",),
    ),
    Mutant(
        "a program counts as its own near-duplicate in the report on leakage",
        "data/corpus.py",
        "train = {keys[i] for i in order[n:]}",
        "train = {keys[i] for i in order}",
        (
            "experiments/test_joints_study.py::test_the_leakage_report_counts_twins_by_kind",
        ),
    ),
    Mutant(
        "numbers do not count when near-duplicates are looked for",
        "data/near_duplicates.py",
        'word = "0" if skeleton else word',
        'word = "0"',
        ("data/test_corpus.py::test_twins_by_hand",),
    ),
    Mutant(
        "methods are renamed like variables",
        "data/near_duplicates.py",
        'word not in _FIXED and before != "."',
        "word not in _FIXED",
        ("data/test_corpus.py::test_renaming_keeps_what_is_no_variable",),
    ),
    Mutant(
        "the end of a for loop is no decision when a program is traced",
        "data/sandbox_child.py",
        "            yield self.branch(item)\n        self.branch(None)",
        "            yield self.branch(item)",
        ("data/test_sandbox.py::test_trace_counts_by_hand",),
    ),
    Mutant(
        "a score on the threshold gets the easier label",
        "difficulty/labels.py",
        "(values >= low).astype(np.int8)",
        "(values > low).astype(np.int8)",
        ("difficulty/test_difficulty.py::test_labels_by_threshold",),
    ),
    Mutant(
        "the lower third ends at the half",
        "difficulty/labels.py",
        "np.abs(below[:-1] - 1 / 3)",
        "np.abs(below[:-1] - 1 / 2)",
        ("difficulty/test_difficulty.py::test_labels_by_tertile",),
    ),
    Mutant(
        "what no program of the corpus has is taken for seen",
        "difficulty/cdm.py",
        "kinds = len({child for _, child in pairs}) + 1",
        "kinds = len({child for _, child in pairs})",
        ("difficulty/test_difficulty.py::test_familiarity_golden",),
    ),
    Mutant(
        "the weights of the difficulty metric do not sum to one",
        "difficulty/cdm.py",
        "return {part: weights.get(part, 0) / total for part in PARTS}",
        "return {part: weights.get(part, 0) for part in PARTS}",
        ("difficulty/test_difficulty.py::test_cdm_golden",),
    ),
    Mutant(
        "the stages of incremental have other lengths",
        "ordering/schedules.py",
        "lengths = (25, 30, 65)",
        "lengths = (30, 25, 65)",
        (
            "experiments/test_joints_study.py::test_stages_have_the_lengths_of_the_release",
        ),
    ),
    Mutant(
        "hard first ignores the replayed share",
        "ordering/schedules.py",
        'hybrid(replay, end), name="anti"',
        'hybrid(), name="anti"',
        (
            "experiments/test_joints_study.py::test_controls_replay_the_share_of_their_experiment",
        ),
    ),
    Mutant(
        "the order by lot ignores the replayed share",
        "ordering/schedules.py",
        'hybrid(replay, end), name="random-order"',
        'hybrid(), name="random-order"',
        (
            "experiments/test_joints_study.py::test_controls_replay_the_share_of_their_experiment",
        ),
    ),
    Mutant(
        "the shuffled hybrid ignores the replayed share",
        "ordering/schedules.py",
        'hybrid(replay, end), name="hybrid-shuffled"',
        'hybrid(), name="hybrid-shuffled"',
        (
            "experiments/test_joints_study.py::test_controls_replay_the_share_of_their_experiment",
        ),
    ),
    Mutant(
        "a warm-up takes its share of the run and as much again",
        "ordering/schedules.py",
        "Stage(_all(LABELS), 1 - length))",
        "Stage(_all(LABELS), 1.0))",
        ("ordering/test_plan.py::test_warmup_is_easy_first_and_then_everything",),
    ),
    Mutant(
        "the easy end is replayed in place of the hard one",
        "ordering/plan.py",
        'members[:k] if selection.end == "easiest" else',
        'members[:k] if selection.end == "hardest" else',
        ("experiments/test_joints.py::test_each_stage_feeds_the_programs_it_names",),
    ),
    Mutant(
        "the ranking turned round keeps the labels",
        "ordering/plan.py",
        "-self.scores, len(LABELS) - 1 - self.labels",
        "-self.scores, self.labels",
        ("experiments/test_joints_study.py::test_simple_controls_draw_what_they_say",),
    ),
    Mutant(
        "every epoch has the order of the first",
        "ordering/plan.py",
        '"epoch", self.seed, stage, epoch)',
        '"epoch", self.seed, stage)',
        ("ordering/test_plan.py::test_no_two_epochs_have_one_order",),
    ),
    Mutant(
        "the order by lot deals scores without their labels",
        "ordering/plan.py",
        "self.scores, self.labels = self.scores[deal], self.labels[deal]",
        "self.scores = self.scores[deal]",
        ("ordering/test_plan.py::test_stages_draw_the_labels_they_name",),
    ),
    Mutant(
        "the model has ReLU where the paper has GELU",
        "model.py",
        "nn.GELU(),",
        "nn.ReLU(),",
        ("training/test_together.py::test_the_stacked_forward_pass_is_the_model",),
    ),
    Mutant(
        "with a cache, a position sees the one after it",
        "model.py",
        ".tril(S)",
        ".tril(S + 1)",
        ("test_model.py::test_a_cache_changes_nothing",),
    ),
    Mutant(
        "first weights are the same for every seed",
        "model.py",
        "torch.manual_seed(seed)",
        "torch.manual_seed(0)",
        ("test_model.py::test_first_weights_depend_on_the_seed_alone",),
    ),
    Mutant(
        "the optimizer remembers the stage before, after a restart",
        "training/together.py",
        "s.optimizer_state.clear()",
        "pass",
        (
            "experiments/test_joints.py::test_the_optimizer_forgets_at_restarts_and_only_there",
        ),
    ),
    Mutant(
        "the plain loop's optimizer remembers too",
        "training/loop.py",
        "optimizer.state.clear()  # a",
        "pass  # a",
        ("training/test_loop.py::test_the_loop_is_torchs_adamw_on_the_whole_batch",),
    ),
    Mutant(
        "the learning rate falls one step late",
        "training/config.py",
        "drops = sum(step - first >= int",
        "drops = sum(step - first > int",
        (
            "experiments/test_joints.py::test_the_learning_rate_of_each_step_is_the_table",
        ),
    ),
    Mutant(
        "the first step of a stage still has the rate of the stage before",
        "training/config.py",
        "bisect.bisect_right(starts, step) - 1",
        "max(0, bisect.bisect_left(starts, step) - 1)",
        (
            "experiments/test_joints.py::test_the_learning_rate_of_each_step_is_the_table",
        ),
    ),
    Mutant(
        "a model that should learn answers learns the programs too",
        "training/batches.py",
        "learn = inside & (column >= self._first[at])",
        "learn = inside",
        ("training/test_batches.py::test_answer_only_learns_the_answer",),
    ),
    Mutant(
        "all windows begin at the first character of their program",
        "training/batches.py",
        "(draw * self.lengths[ids])",
        "(0 * draw * self.lengths[ids])",
        (
            "training/test_batches.py::test_windows_begin_in_the_planned_program_and_follow_the_stream",
        ),
    ),
    Mutant(
        "a run that goes on counts its characters from zero",
        "training/checkpoint.py",
        'KEPT = ("step", "tokens", "seconds", "history")',
        'KEPT = ("step", "seconds", "history")',
        (
            "training/test_together.py::"
            "test_either_way_of_training_goes_on_from_the_others_checkpoint",
        ),
    ),
    Mutant(
        "a run that goes on has forgotten the optimizer's state",
        "training/checkpoint.py",
        "state.optimizer_state[name] = value.to(device)",
        "pass",
        ("training/test_loop.py::test_resume_in_pieces_gives_the_same_bits",),
    ),
    Mutant(
        "the log names the stage that comes next",
        "training/log.py",
        "state.plan.stage(state.step - 1)",
        "state.plan.stage(state.step)",
        ("experiments/test_joints.py::test_the_curve_is_of_validation_programs",),
    ),
    Mutant(
        "models trained together divide by the characters of the first",
        "training/backends.py",
        "loss = loss / counts[i]",
        "loss = loss / counts[0]",
        (
            "training/test_together.py::test_each_member_ends_where_its_own_single_run_does",
        ),
    ),
    Mutant(
        "on a GPU weights decay by the whole rate at every step",
        "training/stacked.py",
        "weights.mul_(1 - lr * weight_decay)",
        "weights.mul_(1 - weight_decay)",
        (
            "training/test_together.py::test_each_member_ends_where_its_own_single_run_does",
        ),
    ),
    Mutant(
        "characters are counted at the last step before a look only",
        "training/state.py",
        "int(torch.stack(counts).sum())",
        "int(counts[-1])",
        ("training/test_together.py::test_a_sync_now_or_later_counts_the_same",),
    ),
    Mutant(
        "the results of easy and hard programs are exchanged",
        "evaluation/evaluate.py",
        "answers.summary(counts & (labels == i)) for i, name in enumerate(LABELS)",
        "answers.summary(counts & (labels == 2 - i)) for i, name in enumerate(LABELS)",
        (
            "experiments/test_joints.py::test_results_are_those_of_the_test_programs_graded_by_hand",
        ),
    ),
    Mutant(
        "programs that print nothing count as right outputs",
        "evaluation/evaluate.py",
        "counts = ~answers.empty",
        "pass",
        ("evaluation/test_evaluate.py::test_empty_outputs_are_counted_apart",),
    ),
    Mutant(
        "the loss on the answer begins with the program",
        "evaluation/evaluate.py",
        '("answer", answer)):',
        '("answer", np.ones_like(answer))):',
        (
            "evaluation/test_evaluate.py::test_losses_are_the_cross_entropy_of_each_program",
        ),
    ),
    Mutant(
        "the released protocol writes as much after a loop as without one",
        "evaluation/tasks.py",
        'most = 30 if "for" in program.code else 20',
        "most = 20",
        ("evaluation/test_fast.py::test_fast_answers_are_the_plain_ones",),
    ),
    Mutant(
        "the fast answers stop one character early",
        "evaluation/fast.py",
        "most, stop = end + 16, (newline, newline)",
        "most, stop = end + 15, (newline, newline)",
        ("evaluation/test_fast.py::test_fast_answers_are_the_plain_ones",),
    ),
    Mutant(
        "a branch of the cache sees one true character too many",
        "evaluation/fast_cache.py",
        ">= self.cuts[:, None]",
        "> self.cuts[:, None]",
        ("evaluation/test_fast_cache.py",),
    ),
    Mutant(
        "answers kept in a file come back with another similarity",
        "evaluation/answers.py",
        '_spread(one["similarity"]) / np.maximum(a.total, 1)',
        '_spread(one["similarity"])',
        ("evaluation/test_answers.py::test_packed_answers_come_back_as_they_were",),
    ),
    Mutant(
        "generation goes one character beyond the context",
        "evaluation/generate.py",
        "min(max_new_tokens, model.config.block_size - len(text))",
        "min(max_new_tokens, model.config.block_size + 1 - len(text))",
        ("experiments/test_joints.py::test_generation_stops_at_the_context",),
    ),
    Mutant(
        "the detectable effect takes the spread of a population",
        "evaluation/stats.py",
        "np.std(difference, ddof=1)",
        "np.std(difference, ddof=0)",
        ("experiments/test_joints_study.py::test_a_contrast_is_that_of_the_libraries",),
    ),
    Mutant(
        "the correction for several questions is Bonferroni's",
        "evaluation/stats.py",
        "(len(p) - np.arange(len(p)))",
        "len(p)",
        ("evaluation/test_stats.py::test_holm_by_hand",),
    ),
    Mutant(
        "the split keeps equal texts apart, and lets renamed programs through",
        "experiments/experiment.py",
        'split(corpus, by="renamed")',
        'split(corpus, by="text")',
        (
            "experiments/test_joints.py::test_no_near_duplicate_of_a_held_out_program_is_fed",
        ),
    ),
    Mutant(
        "the stream of windows holds the test programs too",
        "experiments/experiment.py",
        "Windows(data.corpus, data.train, size",
        "Windows(data.corpus, np.arange(len(data.corpus)), size",
        ("experiments/test_joints.py::test_windows_hold_no_program_that_is_held_out",),
    ),
    Mutant(
        "results are measured on training programs",
        "experiments/experiment.py",
        "test, each = self.data.test, self.scale.per_level",
        "test, each = self.data.train, self.scale.per_level",
        (
            "experiments/test_joints.py::test_results_are_those_of_the_test_programs_graded_by_hand",
        ),
    ),
    Mutant(
        "the validation curve is of training programs",
        "experiments/experiment.py",
        "valid, labels = self.data.valid, self.data.labels",
        "valid, labels = self.data.train, self.data.labels",
        ("experiments/test_joints.py::test_the_curve_is_of_validation_programs",),
    ),
    Mutant(
        "familiarity is fitted on all programs, the test's included",
        "experiments/experiment.py",
        "difficulty.Familiarity.fit([corpus.codes[i] for i in train])",
        "difficulty.Familiarity.fit(corpus.codes)",
        (
            "experiments/test_joints_study.py::test_familiarity_knows_the_training_programs_only",
        ),
    ),
    Mutant(
        "scores are handed on in another order than the programs",
        "experiments/experiment.py",
        "return found.table[e.scorer]",
        "return np.sort(found.table[e.scorer])",
        ("experiments/test_joints_study.py::test_scores_stand_beside_their_programs",),
    ),
    Mutant(
        "tertiles are cut at the paper's thresholds",
        "experiments/experiment.py",
        "difficulty.label(scores, CUTS[e.cut])",
        'difficulty.label(scores, CUTS["paper"])',
        ("experiments/test_joints_study.py::test_scores_stand_beside_their_programs",),
    ),
    Mutant(
        "a block of the study forgets its precision",
        "experiments/study.py",
        "if block.precision:",
        "if not block.precision and block.scale == '':",
        ("experiments/test_study.py::test_blocks_leave_records_with_answers",),
    ),
    Mutant(
        "a test of signs takes a few of the ways for sixteen seeds",
        "evaluation/stats.py",
        "most: int = 65_536",
        "most: int = 4096",
        ("evaluation/test_stats.py::test_sign_flip_by_hand",),
    ),
    Mutant(
        "every arm draws the sampled answers of seed 0",
        "experiments/experiment.py",
        "self.test_ids(), self.experiment.seed",
        "self.test_ids(), 0",
        (
            "experiments/test_joints.py::test_the_sampled_answers_are_those_of_the_arms_seed",
        ),
    ),
    Mutant(
        "two seeds are one experiment",
        "experiments/spec.py",
        'if k not in ("device", "study")}',
        'if k not in ("device", "study", "seed")}',
        ("experiments/test_experiment.py",),
    ),
    Mutant(
        "a record's share is that of the first grammar level",
        "experiments/records.py",
        'group = group["by_construct"][construct]',
        'group = next(iter(group["by_construct"].values()))',
        (
            "experiments/test_joints_study.py::test_figures_of_records_are_those_asked_for",
        ),
    ),
    Mutant(
        "right answers stand in the order of files, not of seeds",
        "experiments/records.py",
        "[runs[seed] for seed in sorted(runs)]",
        "list(runs.values())",
        (
            "experiments/test_joints_study.py::test_right_answers_are_of_the_task_and_in_the_order_of_seeds",
        ),
    ),
    Mutant(
        "programs that print nothing count among the right answers",
        "experiments/records.py",
        "asked &= ~a.empty",
        "pass",
        (
            "experiments/test_joints_study.py::test_right_answers_are_of_the_task_and_in_the_order_of_seeds",
        ),
    ),
    Mutant(
        "a scorer of one's own may give NaN",
        "experiments/custom.py",
        "if not math.isfinite(found[i]):",
        "if math.isinf(found[i]):",
        ("experiments/test_custom.py::test_broken_code_of_yours_is_one_line",),
    ),
    Mutant(
        "a lock in use counts as left by a killed process",
        "experiments/locks.py",
        "_note(Path(path)).exists() and holder(path) is None",
        "_note(Path(path)).exists()",
        (
            "experiments/test_sweep.py::test_a_lock_excludes_others_and_falls_with_its_process",
        ),
    ),
    Mutant(
        "a sweep begins its runs without looking for finished records",
        "experiments/sweep.py",
        "            if finished(e, self.results):\n"
        '                self.show(f"{e.study}/{e.name}: done before',
        "            if False:\n"
        '                self.show(f"{e.study}/{e.name}: done before',
        ("experiments/test_sweep.py::test_how_tasks_end_and_what_follows",),
    ),
    Mutant(
        "the drawing of a plan exchanges easy and hard",
        "plots.py",
        "(part == i).mean() for i in range(3)",
        "(part == 2 - i).mean() for i in range(3)",
        (
            "experiments/test_joints_study.py::test_a_drawing_of_a_plan_shows_its_labels",
        ),
    ),
    Mutant(
        "a fact that is missing in the repetition counts as equal",
        "experiments/reproduce.py",
        "    for name in old | new:",
        "    for name in old.keys() & new.keys():",
        ("experiments/test_reproduce.py",),
    ),
    Mutant(
        "any difference of a number is within tolerance",
        "experiments/reproduce.py",
        "elif a is not None and b is not None and abs(a - b) <= may:",
        "elif a is not None and b is not None:",
        ("experiments/test_reproduce.py",),
    ),
    Mutant(
        "the spread between seeds is that between arms, too",
        "experiments/reproduce.py",
        "around = np.array(values) - np.mean(values)",
        "around = np.array(values)",
        ("experiments/test_reproduce.py",),
    ),
    Mutant(
        "the dearest runs of a study are repeated, not the cheapest",
        "experiments/reproduce.py",
        "for turn, _, name in sorted(turns)[:runs]]",
        "for turn, _, name in sorted(turns)[-runs:]]",
        ("experiments/test_reproduce.py",),
    ),
    Mutant(
        "a study of two corpora becomes tables of one",
        "experiments/tables.py",
        '    if len(keys) > 1:\n        raise ValueError(\n            f"study {found[0]',
        '    if len(keys) > 9:\n        raise ValueError(\n            f"study {found[0]',
        ("experiments/test_tables.py",),
    ),
    Mutant(
        "a table's rows are shown in columns of another order",
        "show.py",
        "rows = [[row.get(name) for name in columns] for row in rows]",
        "rows = [[row.get(name) for name in sorted(columns)] for row in rows]",
        ("test_show.py",),
    ),
    Mutant(
        "an interval shows its lower end twice",
        "show.py",
        'return f"{mean} [{low}, {high}]"',
        'return f"{mean} [{low}, {low}]"',
        ("test_show.py",),
    ),
    Mutant(
        "a verdict of no difference without a test of it",
        "evaluation/stats.py",
        'return "ruled out" if c.equivalent < 0.05 else "open"',
        'return "ruled out"',
        ("book/test_exercises.py",),
    ),
)


def plant(mutant: Mutant, home: Path) -> None:
    """A copy of the checkout in `home`, with the bug."""
    skip = shutil.ignore_patterns("__pycache__")
    for name in ("curriculum", "tests"):
        shutil.copytree(ROOT / name, home / name, ignore=skip)
    for name in ("book", "pyproject.toml", "_config.yml", "README.md"):
        (home / name).symlink_to(ROOT / name)
    path = home / "curriculum" / mutant.file
    text = path.read_text(encoding="utf-8")
    if text.count(mutant.old) != 1:
        raise ValueError(
            f"{mutant.file} has {text.count(mutant.old)} places {mutant.old!r}; a mutant"
            " needs exactly one"
        )
    path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")


def killed(mutant: Mutant) -> tuple[bool, float, str]:
    """(whether the tests fail on the bug, seconds, the last line they print)."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        plant(mutant, home)
        environment = os.environ | {"PYTHONPATH": folder, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
        done = subprocess.run(
            [*command, *(f"tests/{test}" for test in mutant.tests)],
            cwd=home,
            env=environment,
            capture_output=True,
            encoding="utf-8",
        )
    last = (done.stdout.strip().splitlines() or [""])[-1]
    # 1: tests failed. Anything else (no such test, an import that fails) proves nothing.
    return done.returncode == 1, time.monotonic() - began, last


def main(words) -> int:
    """Plant and try; exit code 1 if a bug survives."""
    chosen = [
        m for m in MUTANTS if not words or any(w in m.what + m.file for w in words)
    ]
    survived = 0
    with ThreadPoolExecutor(2) as pool:
        for mutant, (dead, seconds, last) in zip(
            chosen, pool.map(killed, chosen), strict=True
        ):
            survived += not dead
            word = "found" if dead else "SURVIVED"
            print(f"{word}: {mutant.what} ({seconds:.0f} s; {last})", flush=True)
    print(f"{len(chosen) - survived} of {len(chosen)} planted bugs were found")
    return int(survived > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
