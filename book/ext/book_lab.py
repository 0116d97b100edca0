"""Sphinx extension: writes the laboratory's models into the built book.

The weights are committed once, as safetensors below `results/study`. A page needs them in
another form (`curriculum/export.py`), which is made here and not kept in the repository.
"""

from pathlib import Path

from sphinx.application import Sphinx

from curriculum.experiments.records import load_model
from curriculum.export import export

STUDY = Path(__file__).resolve().parent.parent / "results" / "study"
MODELS = ("baseline_s0", "hybrid_s0", "sequential_s0")
PHONE, BITS = "hybrid_s0", (8, 4)  # chapter 17 also asks it with fewer bits


def write_models(app: Sphinx, exception: Exception | None) -> None:
    if exception or app.builder.format != "html":
        return
    folder = Path(app.outdir) / "_static" / "lab" / "models"
    wanted = [(name, 16, f"{name}.js") for name in MODELS]
    wanted += [(PHONE, bits, f"{PHONE}_int{bits}.js") for bits in BITS]
    for name, bits, file in wanted:
        weights, out = STUDY / f"{name}.safetensors", folder / file
        if not out.exists() or out.stat().st_mtime < weights.stat().st_mtime:
            export(weights, *load_model(weights), out, bits)


def setup(app: Sphinx) -> dict:
    app.connect("build-finished", write_models)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
