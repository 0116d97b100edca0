"""Behind chapter 13: a terminal inside the page, and altered records."""

import contextlib
import copy
import io
import re
import shlex
import textwrap

import matplotlib.pyplot as plt

from curriculum import plots
from curriculum.__main__ import main
from curriculum.evaluation import stats

TIME = re.compile(r", about [\d.]+ min here$")  # it depends on the machine


def say(text, indent=""):
    """Print a long text in lines of at most 70 characters."""
    for line in str(text).splitlines():
        print(textwrap.fill(line, 70, subsequent_indent=indent))


def terminal(line, folder):
    """Show and run `python -m curriculum <line>` in a folder."""
    say(f"$ python -m curriculum {line}", indent="    ")
    said, errors = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(errors),
    ):
        try:
            code = main(shlex.split(line))
        except SystemExit as stop:  # raised where a word is missing
            code = stop.code
    for text in (said.getvalue() + errors.getvalue()).splitlines():
        if text and not re.fullmatch(r"[\d,]+ of [\d,]+", text):  # progress
            say(TIME.sub("", text), indent="    ")
    print(f"[exit code {code}]")


def parameters_of(notebook):
    """Print the cell of parameters that papermill has put into a notebook."""
    for cell in notebook.cells:
        if "injected-parameters" in cell.metadata.get("tags", []):
            print(cell.source.strip())


def smallest(n, spread):
    """Effect that n paired seeds with this spread find four times in five."""
    return stats.detectable_at(spread, n)


def altered(runs):
    """Copies of three records, twice; three of the six copies are altered."""
    suspects = [copy.deepcopy(r) for r in runs[:3] * 2]
    suspects[1]["spec"]["seed"] = 7
    change = suspects[3]["results"]["exact"]["execution"]
    change["accuracy"] = round(change["accuracy"] + 0.031, 4)
    suspects[4]["curve"] = suspects[4]["curve"][:-6]
    return suspects


def draw_record(curve, starts):
    """Validation loss by label, as one record keeps it."""
    figure, axes = plt.subplots()
    plots.draw_curves(axes, curve, starts=starts)
    axes.set(ylabel="validation loss (nats per character)")
    plt.show()
