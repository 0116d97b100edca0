# @title Set-up: run this cell first. It unpacks the book's code and installs what is missing
# This notebook needs no other file: the texts PACKAGE and OWN below hold the package
# `curriculum`, the chapter's helpers and the results that it reads. They are unpacked
# into a folder of their own, `curriculum-book-...`.
# Libraries are installed where they are missing; those that are there stay as they are.
import base64
import importlib.metadata
import importlib.util
import io
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VERSION = "VERSION"
READS_RECORDS = True
NEEDED = "NEEDED"
STAY = ("torch", "numpy", "pandas", "matplotlib", "ipykernel")  # as they are
DRIVE = Path("/content/drive/MyDrive")  # where Colab shows your Google Drive


def _unpack(*archives):
    """The folder of the book; files that are there already stay as they are."""
    name, here = f"curriculum-book-{VERSION}", Path.cwd()
    places = [p for p in (here, *here.parents) if (p / name).is_dir()]
    for place in (*places, here, Path(tempfile.gettempdir())):
        try:
            for archive in archives:
                _extract(archive, place / name)
            return place / name
        except OSError as error:  # a folder that cannot be written, a full disk
            reason = error
    raise OSError(
        f"The book could not be unpacked here or in {tempfile.gettempdir()}: {reason}. "
        "Open the notebook in a folder that you can write to."
    )


def _extract(archive, folder):
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(archive))) as tar:
        for member in tar:
            path = folder / member.name
            if not path.is_file():
                path.parent.mkdir(parents=True, exist_ok=True)
                part = path.with_name(f"{path.name}.{os.getpid()}.part")
                part.write_bytes(tar.extractfile(member).read())
                os.replace(part, path)


def _missing():
    # A folder that happens to have the name of a package has no origin.
    importlib.invalidate_caches()
    found = {name: importlib.util.find_spec(name) for name in NEEDED.split()}
    return [name for name, spec in found.items() if not (spec and spec.origin)]


def _install(names):
    print(f"Installing {', '.join(names)}. This takes a moment.", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        fixed = Path(folder, "constraints.txt")
        there = importlib.metadata.distributions()
        pins = {d.metadata["Name"]: d.version for d in there}
        text = "".join(f"{n}=={v}\n" for n, v in pins.items() if n in STAY)
        fixed.write_text(text, encoding="utf-8")
        options = ("--quiet", "--disable-pip-version-check", "--retries=1", "-c")
        done = subprocess.run(
            [sys.executable, "-m", "pip", "install", *options, fixed, *names],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )
    if left := _missing():
        last = (done.stderr.strip() or "pip said nothing").splitlines()[-1]
        raise ModuleNotFoundError(
            f"This chapter needs {', '.join(left)}, and pip could not install it: "
            f"{last}. If this computer is offline, connect it (on Kaggle: Settings, "
            "Internet on) and run this cell again. Or install it yourself, as you "
            f"install other libraries: pip install {' '.join(left)}"
        )


def _runs_folder(here):
    """Where runs are kept, and what that means, in words."""
    if known := os.environ.get("CURRICULUM_CACHE"):
        return Path(known), "a run that was cut short goes on from there"
    if DRIVE.is_dir() and _can_hold_runs(DRIVE / "curriculum-runs"):
        found = DRIVE / "curriculum-runs"
        return (
            found,
            "your Google Drive: they outlive this session and go on from there",
        )
    return here / "curriculum-runs", (
        "where sessions end, as in Colab and Kaggle, download this folder if you want to "
        "go on later (in Colab, mounting Google Drive before this cell also keeps it)"
    )


def _can_hold_runs(folder):
    import filelock

    try:
        folder.mkdir(exist_ok=True)
        with filelock.FileLock(folder / ".try.lock", timeout=1):
            (folder / ".try").write_bytes(b"x")
            os.replace(folder / ".try", folder / ".tried")
    except (OSError, NotImplementedError, filelock.Timeout):
        return False
    return True


def _say_device():
    from curriculum.training.device import choose_device

    device, reason = choose_device()
    times = "Times given in the chapter are those of two processor cores"
    if device.type == "cpu":
        what = f"{times}. (Colab: Runtime, Change runtime type, GPU.)"
    else:
        what = f"Experiments train on it. {times}; yours will differ."
    print(f"Device: {device}; {reason}. {what}")


def _set_up():
    here, book = Path.cwd(), _unpack(PACKAGE, OWN) / "book"
    loaded = getattr(sys.modules.get("curriculum"), "__file__", None)
    if loaded and Path(loaded).resolve().parents[1] != book.resolve().parent:
        raise RuntimeError(
            f"Another copy of the book is in use already, from {Path(loaded).parent}: "
            "restart the kernel (the session), then run this cell again."
        )
    for place in (str(book.parent), str(book)):
        if place not in sys.path:
            sys.path.insert(0, place)
    # For the processes that a chapter starts, too:
    path = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if str(book.parent) not in path:
        path = [str(book.parent), *filter(None, path)]
        os.environ["PYTHONPATH"] = os.pathsep.join(path)
    if names := _missing():
        _install(names)
    runs, meaning = _runs_folder(here)
    os.environ["CURRICULUM_CACHE"] = str(runs)
    if READS_RECORDS:  # "results/..." in the cells below is the book's
        os.chdir(book)
    _say_device()
    print(f"Runs are kept in {runs}: {meaning}.")


PACKAGE, OWN = "", ""

if __name__ == "__main__":
    _set_up()
