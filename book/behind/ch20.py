"""Behind chapter 20: pictures of the network, and the study's records as tables.

- `draw_map` and `draw_stages` show a network and the stages of a curriculum.
- `Study` reads the runs: learning curves, contrasts, steps to a threshold.
- `film` is a small player in SVG and plain JavaScript; it works in the static page.
"""

import html
import itertools
import json
import textwrap

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import trim_mean

from curriculum import files, plots
from curriculum.evaluation import stats
from curriculum.mobile import local, train
from curriculum.mobile.spec import EPISODE, SIDE, Stage
from curriculum.mobile.world import World
from curriculum.show import interval

REACH = 69  # map units: where the signal falls below the threshold
# arm: (colour, dashes, marker)
ARMS = {
    "target only": (plots.BLACK, "-", "o"),
    "published": (plots.VERMILION, "--", "s"),
    "reversed": (plots.PURPLE, "-.", "v"),
    "hand-made": (plots.BLUE, (0, (7, 2)), "^"),
    "random": (plots.ORANGE, ":", "P"),
    "adaptive": (plots.GREEN, "-", "D"),
    "local model": (plots.SKY, (0, (1, 1)), "X"),
}


# --- pictures of the network ----------------------------------------------------------


def draw_map(axes, stations, users=(), links=(), names=True):
    """Stations (triangles) with their reach, users (dots), links (lines).

    Args: stations, users: places (n, 2). links: (users, stations) True where linked.
    """
    for k, (x, y) in enumerate(stations, 1):
        axes.add_patch(
            plt.Circle((x, y), REACH, fill=False, ls=":", ec=plots.SOFT)
        )
        axes.plot(x, y, "^", color=plots.VERMILION, ms=8)
        if names:
            axes.annotate(
                str(k), (x, y), xytext=(6, 4), textcoords="offset points"
            )
    for u, (x, y) in enumerate(users):
        on = bool(len(links)) and any(links[u])
        axes.plot(
            x, y, "o", color=plots.BLUE, mfc=plots.BLUE if on else "white"
        )
        if names:
            axes.annotate(
                "abcdefghij"[u],
                (x, y),
                xytext=(6, -3),
                textcoords="offset points",
            )
        for k, (sx, sy) in enumerate(stations):
            if len(links) and links[u][k]:
                axes.plot([x, sx], [y, sy], color=plots.BLUE, lw=1.2)
    axes.set(xlim=(0, SIDE), ylim=(0, SIDE), aspect="equal")
    axes.grid(False)


def draw_world(world, copy=0):
    """One copy of a world, as it stands."""
    _, axes = plt.subplots(figsize=(4.6, 4.4))
    draw_map(axes, world.stage.stations, world.place[copy], world.links[copy])
    axes.set(xlabel="map units", ylabel="map units")
    plt.show()


def draw_stages(curriculum):
    """A panel for each stage: stations, users at the start of an episode, steps."""
    n = len(curriculum.stages)
    _, panels = plt.subplots(1, n, figsize=(7, 2.4), sharey=True)
    for axes, stage in zip(panels, curriculum.stages, strict=True):
        world = World(stage, [1])
        draw_map(axes, stage.stations, world.place[0], names=False)
        axes.set_title(
            f"{stage.steps:,} steps\nvelocity {stage.velocity:g}", fontsize=9
        )
        axes.set(xticks=(0, 100, 200), yticks=(0, 100, 200))
    plt.show()


def by_distance(distances):
    """Rows of distance, signal over noise, data rate and utility of a lone user."""
    world = World(Stage(((0, 0),), 1, 0, EPISODE), range(len(distances)))
    world.place = np.array([[(x, 0.0)] for x in distances])
    world._measure()
    world.step(np.ones((len(distances), 1), int))
    columns = world.snr[:, 0, 0], world.rate[:, 0], world.utility[:, 0]
    return list(zip(distances, *columns, strict=True))


def draw_live(curves):
    """Learning curves of a live run: {name: [(step, score)]}."""
    _, axes = plt.subplots(figsize=(6, 3))
    for name, rows in curves.items():
        colour, dashes, marker = ARMS.get(name, (plots.SOFT, "-", "."))
        axes.plot(*zip(*rows, strict=True), color=colour, ls=dashes,
                  marker=marker, label=name)  # fmt: skip
    axes.legend()
    axes.set(xlabel="environment steps", ylabel="mean utility on the target")
    plt.show()


def fold(text, start=""):
    """A long sentence in lines that fit the page."""
    return textwrap.fill(
        str(text), 68, initial_indent=start, subsequent_indent="  "
    )


# --- the language model ---------------------------------------------------------------


def orders(table):
    """Kendall's tau of each answer with the listed order, and with easy to hard."""
    table = np.asarray(table)
    every = list(itertools.permutations(range(4)))
    picked = [every[i] for i in table.argmax(1)]
    listed = [local.tau(a, b) for a, b in zip(every, picked, strict=True)]
    easy = [local.tau(every[0], b) for b in picked]
    return np.array(listed), np.array(easy)


def draw_echo(table):
    """For each order of listing: agreement of the answer with it, and with easy to hard."""
    listed, easy = orders(table)
    values = np.linspace(-1, 1, 7)
    _, panels = plt.subplots(1, 2, figsize=(7, 2.7), sharey=True)
    for axes, tau, title in zip(
        panels, (listed, easy), ("with the order listed", "with easy to hard"),
        strict=True,
    ):  # fmt: skip
        count = [np.sum(np.isclose(tau, v)) for v in values]
        axes.bar(values, count, 0.25, color=plots.BLUE)
        axes.set(title=title, xlabel="Kendall's tau")
    panels[0].set(ylabel="answers of 24")
    plt.show()


# --- the study ------------------------------------------------------------------------


class Study:
    """The records of the study, arms in the order of `ARMS`."""

    def __init__(self, folder="results/mobile"):
        paths = sorted(files.found(folder).joinpath("runs").glob("*.json"))
        found = [files.read_json(path, sealed=True) for path in paths]
        self.runs = {
            arm: sorted((r for r in found if r["arm"] == arm), key=_seed)
            for arm in ARMS
        }
        self.rules = files.read_json(f"{folder}/rules.json", sealed=True)
        self.seeds = [r["seed"] for r in self.runs["target only"]]

    def scores(self, arm, test="target", how="sampled"):
        """(seeds, episodes) mean utilities; (1, episodes) for a rule."""
        if arm not in self.runs:
            return train.unpack(self.rules["tests"][arm][test])[None]
        return np.array(
            [train.unpack(r["tests"][test][how]) for r in self.runs[arm]]
        )

    def contrasts(self, test="target", how="sampled"):
        """[(arm, contrast with target only, Holm's p, verdict)] of the six arms."""
        base = self.scores("target only", test, how)
        arms = list(ARMS)[1:]
        found = [stats.contrast(self.scores(a, test, how), base) for a in arms]
        holm = stats.holm([c.p for c in found])
        return [
            (arm, c, float(p), stats.verdict(c, p))
            for arm, c, p in zip(arms, found, holm, strict=True)
        ]

    def curve(self, arm, steps):
        """(seeds, len(steps)) utility at these steps, between tests by straight lines."""
        rows = []
        for run in self.runs[arm]:
            at = [line["step"] for line in run["curve"]]
            rows.append(
                np.interp(steps, at, [x["sampled"] for x in run["curve"]])
            )
        return np.array(rows)

    def reached(self, arm, threshold=-0.10):
        """(seeds,) first step of the curve at `threshold`; nan if never."""
        steps = np.arange(5_000, 100_001, 100)
        above = self.curve(arm, steps) >= threshold
        return np.where(above.any(1), steps[above.argmax(1)], np.nan)

    def pairs(self, arm, step):
        """Of all pairs of one run of `arm` and one of target only: share ahead; extremes.

        It is what a comparison of one run per arm would have found.
        """
        a, b = (
            self.curve(arm, [step])[:, 0],
            self.curve("target only", [step])[:, 0],
        )
        gap = a[:, None] - b[None]
        return float((gap > 0).mean()), float(gap.min()), float(gap.max())

    def seconds(self, arm):
        """(seeds,) seconds of training."""
        return np.array([r["seconds"]["training"] for r in self.runs[arm]])

    def source(self):
        """The provenance in one line."""
        every = [r for runs in self.runs.values() for r in runs]
        one = every[0]["provenance"]
        dates = ", ".join(sorted({r["provenance"]["date"] for r in every}))
        commits = ", ".join(sorted({r["provenance"]["commit"] for r in every}))
        return (
            f"{len(every)} runs, seeds {min(self.seeds)} to {max(self.seeds)},"
            f" commit {commits}, {dates};\n{one['hardware']}"
        )


def _seed(record):
    return record["seed"]


def means(table):
    """Mean over seeds and episodes with a t interval over seeds, as text."""
    by_seed = table.mean(1)
    if len(by_seed) == 1:
        return f"{by_seed[0]:.3f}"
    return interval(*stats.mean_interval(by_seed), digits=3)


def middle(table):
    """Interquartile mean over runs with its bootstrap interval, as text."""
    runs = table.mean(1)
    pick = files.hash_uniform(np.arange(2000 * len(runs)), "middle") * len(
        runs
    )
    draws = runs[pick.astype(int).reshape(2000, -1)]
    low, high = np.quantile(trim_mean(draws, 0.25, axis=1), [0.025, 0.975])
    return interval(float(trim_mean(runs, 0.25)), low, high, digits=3)


def draw_learning(study):
    """Mean learning curves of all arms, early and whole, with the simple rule."""
    steps = np.arange(7_500, 100_001, 2_500)
    _, panels = plt.subplots(
        2, 1, figsize=(7, 6), height_ratios=(3, 2), constrained_layout=True
    )
    for axes, last in zip(panels, (100_000, 30_000), strict=True):
        for arm, (colour, dashes, marker) in ARMS.items():
            line = study.curve(arm, steps).mean(0)
            keep = steps <= last
            axes.plot(
                steps[keep] / 1000, line[keep], color=colour, ls=dashes,
                marker=marker, markevery=4, ms=4, label=arm,
            )  # fmt: skip
        if last == 100_000:
            rule = study.rules["curve"]["best signal"]
            axes.axhline(rule, color=plots.SOFT, lw=1)
            axes.text(30, rule + 0.006, "best-signal rule", fontsize=9)
        axes.set(ylabel="mean utility")
    panels[0].legend(ncols=2, loc="lower right")
    panels[1].set(xlabel="thousand environment steps, stages included")
    plt.show()


def draw_contrasts(rows):
    """The six contrasts: mean and interval, in utility."""
    _, axes = plt.subplots(figsize=(6.5, 3))
    for place, (arm, c, *_) in enumerate(rows):
        colour, _, marker = ARMS[arm]
        plots.interval(
            axes, place, c.mean, c.low, c.high, color=colour, marker=marker
        )
    axes.axvspan(-0.01, 0.01, color="#e5e7eb", zorder=0)
    axes.axvline(0, color=plots.INK, lw=1)
    axes.set_yticks(range(len(rows)), [row[0] for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set(xlabel="mean utility minus that of target only")
    axes.grid(axis="y", visible=False)
    plt.show()


# --- the film -------------------------------------------------------------------------


def draw_frames(kept, steps=(1, 20, 40, 60, 80, 100)):
    """Six moments of one episode, the learner above and the rule below."""
    _, panels = plt.subplots(2, len(steps), figsize=(7, 2.8), sharey=True)
    for row, (name, shown) in zip(panels, kept["agents"].items(), strict=True):
        for axes, step in zip(row, steps, strict=True):
            links = [
                [bool(bits >> k & 1) for k in range(3)]
                for bits in shown["links"][step - 1]
            ]
            users = kept["users"][step - 1]
            draw_map(axes, kept["stations"], users, links, names=False)
            axes.set(xticks=[], yticks=[])
            axes.set_title(f"step {step}", fontsize=9)
        row[0].set_ylabel(name, fontsize=9)
    plt.show()


PLAYER = """
<div class="film" id="film-20">
<p><button type="button">Play</button>
<label>Step <input type="range" min="1" max="{n}" value="1"></label>
<output>1</output></p>
<div style="display:flex;flex-wrap:wrap;gap:1em">{panels}</div>
<script>
(() => {{
  const data = {data};
  const box = document.getElementById("film-20");
  const [button, slider, told] =
    ["button", "input", "output"].map((x) => box.querySelector(x));
  const panels = [...box.querySelectorAll("figure")];
  const SVG = "http://www.w3.org/2000/svg";
  const make = (to, name, values) => {{
    const one = document.createElementNS(SVG, name);
    for (const [k, v] of Object.entries(values)) one.setAttribute(k, v);
    to.append(one);
  }};
  function show() {{
    const t = slider.value - 1;
    told.value = slider.value;
    Object.values(data.agents).forEach((agent, i) => {{
      const scene = panels[i].querySelector("g");
      scene.replaceChildren();
      data.users[t].forEach(([x, y], u) => {{
        const bits = agent.links[t][u];
        data.stations.forEach(([sx, sy], k) => {{
          if (bits >> k & 1) make(scene, "line", {{
            x1: x, y1: 200 - y, x2: sx, y2: 200 - sy,
            stroke: "currentColor", "stroke-width": 1.5 }});
        }});
        make(scene, "circle", {{ cx: x, cy: 200 - y, r: 5,
          fill: bits ? "currentColor" : "none", stroke: "currentColor" }});
      }});
      panels[i].querySelector("span").textContent =
        agent.utility[t].toFixed(2);
    }});
  }}
  let timer = null;
  function stop() {{
    clearInterval(timer); timer = null; button.textContent = "Play";
  }}
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  button.addEventListener("click", () => {{
    if (timer) return stop();
    if (+slider.value === data.users.length) slider.value = 1;
    if (still) {{ // no motion was asked for: ten steps on, no animation
      slider.value = Math.min(data.users.length, +slider.value + 10);
      return show();
    }}
    button.textContent = "Pause";
    timer = setInterval(() => {{
      slider.value = +slider.value + 1;
      show();
      if (+slider.value === data.users.length) stop();
    }}, 150);
  }});
  if (still) button.textContent = "Ten steps on";
  slider.addEventListener("input", show);
  show();
}})();
</script></div>
"""


def film(kept):
    """HTML of a player: the same users under two agents, side by side.

    It needs no kernel and no network; button and slider are reached with the keyboard, and
    where the reader asks for less motion nothing moves by itself.
    """
    stations = "".join(
        f'<circle cx="{x}" cy="{200 - y}" r="{REACH}" fill="none"'
        ' stroke="currentColor" stroke-dasharray="3 4" opacity="0.5"/>'
        f'<path d="M{x} {194 - y}l6 11h-12z" fill="#D55E00"/>'
        for x, y in kept["stations"]
    )
    panels = "".join(
        '<figure style="flex:1 1 14em;margin:0">'
        f'<svg viewBox="0 0 200 200" role="img" style="width:100%"'
        f' aria-label="Map: users walk, {html.escape(name)} links them">'
        '<rect width="200" height="200" fill="none" stroke="currentColor"/>'
        f"{stations}<g></g></svg><figcaption>{html.escape(name)}: mean utility"
        " <span></span></figcaption></figure>"
        for name in kept["agents"]
    )
    data = {k: kept[k] for k in ("stations", "users", "agents")}
    text = json.dumps(data, separators=(",", ":"))
    return PLAYER.format(n=len(kept["users"]), panels=panels, data=text)
