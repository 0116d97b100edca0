"""Runs a notebook as a stranger would: one file, an empty folder, no book installed.

- The kernel's Python knows the libraries and not `curriculum`: it is a bare environment
  that may look into another one's libraries, where an editable installation does not
  count. What a notebook installs goes into the bare one, which is new for each notebook.
- The other one is this, or one like Colab's (`colab_environment`): the libraries that
  Colab has, with its old widgets, without radon and papermill.
- No git, no PYTHONPATH, a home folder and a folder for runs of its own.
- The comparison is nbval's, strict, cell by cell, as in `make test`.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

KERNEL = "stranger"
# What Colab has installed of that which the book uses, and its old widgets.
COLAB_HAS = (
    "torch>=2.6,<2.14", "numpy", "pandas", "matplotlib", "scipy", "pyarrow", "safetensors",
    "filelock", "nbformat", "ipywidgets==7.7.1", "ipykernel>=6.29,<7",
)  # fmt: skip


class Tried(NamedTuple):
    """What became of a notebook."""

    passed: bool
    summary: str  # one line; the cells that differ below it
    said: str  # all that the test run printed
    left: list[str]  # names in the notebook's folder afterwards


def stranger(folder: Path, python: str = sys.executable) -> str:
    """A Python with the libraries of `python`, in which the book is not installed."""
    subprocess.run([python, "-m", "venv", "--without-pip", str(folder)], check=True)
    found = str(folder / "bin" / "python")
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    theirs, own = (
        subprocess.check_output([p, "-c", ask], encoding="utf-8").strip()
        for p in (python, found)
    )
    # A folder that a .pth file names is searched; .pth files inside it are not read.
    Path(own, "libraries.pth").write_text(f"{theirs}\n", encoding="utf-8")
    return found


def colab_environment(folder: Path, python: str = sys.executable) -> str:
    """A new environment with what Colab has; it is made once, in minutes."""
    found = folder / "bin" / "python"
    if not (folder / "ready").exists():
        subprocess.run([python, "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(found), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, *COLAB_HAS], check=True)
        (folder / "ready").touch()
    return str(found)


def run(notebook: Path, python: str, timeout: int = 900, **environment: str) -> Tried:
    """Execute the file `notebook` alone, and compare its outputs.

    Args:
        python: whose libraries the kernel has.
        timeout: seconds a cell may take.
        environment: more variables for the kernel.
    """
    with tempfile.TemporaryDirectory(prefix="stranger-") as name:
        home = Path(name)
        work = home / "work"
        work.mkdir()
        shutil.copy(notebook, work)
        kernel = stranger(home / "bare", python)
        spec = home / "jupyter" / "kernels" / KERNEL / "kernel.json"
        spec.parent.mkdir(parents=True)
        argv = [kernel, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        text = json.dumps({"argv": argv, "display_name": KERNEL, "language": "python"})
        spec.write_text(text, encoding="utf-8")
        # The libraries' own settings stay; what would lead to the book goes.
        kept = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("CURRICULUM_", "PYTHON", "IPYTHON", "GIT_"))
        }
        kept |= {
            "HOME": str(home),
            "PATH": str(Path(kernel).parent),  # no git
            "JUPYTER_PATH": str(home / "jupyter"),
            "CURRICULUM_CACHE": str(home / "runs"),
            **environment,
        }
        nbval = ["--nbval", f"--nbval-kernel-name={KERNEL}", "-p", "no:cacheprovider"]
        done = subprocess.run(
            [
                sys.executable, "-m", "pytest", "-q", "-c", os.devnull,
                f"--rootdir={work}", *nbval, f"--nbval-cell-timeout={timeout}",
                str(work / notebook.name),
            ],
            cwd=work,
            env=kept,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )  # fmt: skip
        left = sorted(p.name for p in work.iterdir())
    counts = done.stdout.strip().splitlines()[-1:] or [done.stderr.strip()[-200:]]
    failed = re.findall(r"^FAILED .*?::(.+?)(?: - |$)", done.stdout, re.MULTILINE)
    summary = " ".join([counts[0].strip("= "), *failed])
    return Tried(done.returncode == 0, summary, done.stdout + done.stderr, left)
