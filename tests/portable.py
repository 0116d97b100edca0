"""All tests and chapters under other processors' kernels, threads, locale and time zone.

    python tests/portable.py               # everything under every setting; `make portable`
    python tests/portable.py old book/05*  # one setting, some of the tests

- A processor is imitated by switching off what it would not have: NumPy, PyTorch, oneDNN,
  OpenBLAS and MKL choose their kernels by what they find, and each has a switch.
- What is compared is what the tests and the stored outputs of the chapters compare. Where
  trained weights differ in their last digits, chapters print what arithmetic guarantees.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

SETTINGS = {
    # A processor with AVX2 and without AVX-512, two threads, another hash seed.
    "avx2": {
        "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "OMP_NUM_THREADS": "2",
        "PYTHONHASHSEED": "1",
        "TZ": "America/St_Johns",
    },
    # A processor of 2008, in Kathmandu, with a terminal that knows only ASCII.
    "old": {
        "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "OPENBLAS_CORETYPE": "Nehalem",
        "MKL_CBWR": "COMPATIBLE",
        "PYTHONHASHSEED": "7",
        "TZ": "Asia/Kathmandu",
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
    },
}


def features(asked: str) -> str:
    """Those of NumPy's features that this build of NumPy can switch off."""
    from numpy._core import _multiarray_umath

    known = _multiarray_umath.__cpu_dispatch__
    return " ".join(name for name in asked.split() if name in known)


def environment(name: str) -> dict[str, str]:
    """The variables of a setting, for this build of NumPy."""
    found = dict(SETTINGS[name])
    found["NPY_DISABLE_CPU_FEATURES"] = features(found["NPY_DISABLE_CPU_FEATURES"])
    return found


def main(words) -> int:
    """Run pytest under each setting; the number of settings that failed."""
    names = [w for w in words if w in SETTINGS] or list(SETTINGS)
    paths = [w for w in words if w not in SETTINGS] or ["tests", "book"]
    failed = []
    for name in names:
        for path in paths:
            command = [sys.executable, "-m", "pytest", "-q", "-n", "2"]
            command += ["--dist", "loadfile", path]
            if path.startswith("book"):
                command += [
                    "--nbval",
                    "--nbval-current-env",
                    "--nbval-cell-timeout=900",
                ]
            print(f"{name}: {' '.join(command[1:])}", flush=True)
            changed = os.environ | {"OMP_NUM_THREADS": "1"} | environment(name)
            if subprocess.run(command, cwd=ROOT, env=changed).returncode:
                failed.append(f"{name}: {path}")
    print("all settings agree" if not failed else f"FAILED: {', '.join(failed)}")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
