"""Make book/results/killed/ray.json: what happens to a sweep when a worker is killed.

    python book/tools/killed.py

Two runs of scale quick on a local Ray cluster of two workers. As soon as the hybrid has
a checkpoint at step 400, its worker gets SIGKILL. Then the hybrid is run once more, alone
and undisturbed, and the two records are compared. Takes a few minutes.
"""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from pathlib import Path

from curriculum import files
from curriculum.experiments import cluster, experiment, locks, sweep
from curriculum.experiments.spec import Experiment
from curriculum.training import read_log

OUT = Path(__file__).parent.parent / "results" / "killed" / "ray.json"


def kill(victim, folder, steps: dict):
    """Note which process reached which step; kill the first that got past 400."""
    while not steps.get("over"):
        holder = locks.holder(sweep.run_lock(victim))
        log = folder / "log.jsonl"
        lines = read_log(log) if holder and log.exists() else []
        if lines and lines[-1]["step"]:
            seen = steps.setdefault(holder["pid"], [])
            if lines[-1]["step"] not in seen:
                seen.append(lines[-1]["step"])
            if lines[-1]["step"] > 400 and "killed" not in steps:
                steps["killed"] = holder["pid"]
                os.kill(holder["pid"], signal.SIGKILL)
        time.sleep(0.05)


def main():
    words = "schedule=hybrid,baseline study=killed".split()
    victim, other = Experiment.parse(words)
    with tempfile.TemporaryDirectory() as place:
        os.environ["CURRICULUM_CACHE"] = place + "/cache"
        steps, said = {}, []
        args = victim, experiment.resolve(victim).folder, steps
        watch = threading.Thread(target=kill, args=args)
        watch.start()

        def show(line):
            said.append(line)
            print(line, flush=True)

        engine = cluster.Ray(jobs=2)
        version = engine.ray.__version__
        paths = sweep.sweep([victim, other], place, engine, notebook=False, show=show)
        steps["over"] = True
        watch.join()
        again = files.read_json(paths[0])
        os.environ["CURRICULUM_CACHE"] = place + "/alone"
        alone = sweep.run(victim, place + "/alone")
    first = steps.pop("killed")
    parts = ("results", "audit", "plan", "corpus")
    found = {
        "what": "a sweep on Ray of which one worker was killed in mid-run",
        "engine": f"ray {version}, a local cluster of two workers",
        "said": said,
        "killed": {"first": steps[first][0], "last": steps[first][-1]},
        "successor": {  # "first": the lowest line at which the log stood under it
            "first": min(next(s for p, s in steps.items() if p not in (first, "over"))),
            "last": again["curve"][-1]["step"],
        },
        "losses equal": [x["loss"] for x in again["curve"]]
        == [x["loss"] for x in alone["curve"]],
        "equal to an undisturbed run": {p: again[p] == alone[p] for p in parts},
        "provenance": files.provenance(),
    }
    print(files.write_json(OUT, found))


if __name__ == "__main__":
    main()
