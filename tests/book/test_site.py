"""Contract of the site: configuration, contents, requirements, assets, no network.

Jupyter Book ignores keys that it does not know, and a page that fetches something
from a server elsewhere looks fine to whoever has a network. Both are tested here,
each with a planted fault, so that the check itself is known to work.
"""

import copy
import functools
import hashlib
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import book_offline
import book_site
import faults
import front
import install_cell
import lab
import pytest
import watch
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]

CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
ASSETS = ROOT / "book" / "assets"

# What Jupyter Book reads; taken from its own default file and schema below.
EXTRA_KEYS = {
    "": {"bibtex_bibfiles", "latex", "sphinx", "project"},
    "execute": {"raise_on_error", "eval_regex", "show_tb"},
    "sphinx": {"extra_extensions", "local_extensions", "recursive_update", "config"},
}


# --- configuration ---------------------------------------------------------------


def unknown_keys(config: dict) -> list[str]:
    """Keys of a `_config.yml` that nothing would read."""
    import jupyter_book.config

    default = yaml.safe_load(
        jupyter_book.config.PATH_YAML_DEFAULT.read_text(encoding="utf-8")
    )
    unknown = []
    for key, value in config.items():
        if key not in default and key not in EXTRA_KEYS[""]:
            unknown.append(key)
        elif isinstance(value, dict) and isinstance(default.get(key), dict):
            known = set(default[key]) | EXTRA_KEYS.get(key, set())
            unknown += [f"{key}.{k}" for k in value if k not in known]
    return unknown + _unknown_sphinx_keys(config.get("sphinx", {}).get("config", {}))


PROBE = """
import json, sys
from sphinx.application import Sphinx
folder, extensions, paths = sys.argv[1], sys.argv[2].split(","), sys.argv[3].split(",")
sys.path[:0] = paths
settings = {"extensions": extensions, "html_theme": "sphinx_book_theme",
            "external_toc_path": "_toc.yml", "comments_config": {},
            "bibtex_bibfiles": ["empty.bib"]}
app = Sphinx(folder, None, folder + "/o", folder + "/d", "html", settings,
             status=None, warning=None)
app.builder.init_templates()
options = app.builder.theme.get_options({})
print(json.dumps([sorted(app.config.values), sorted(options)]))
"""


@functools.cache
def sphinx_knows() -> tuple[set[str], set[str]]:
    """Settings and theme options that Sphinx, with this book's extensions, declares.

    Asked in a process of its own, because starting Sphinx changes global state.
    """
    extensions = ",".join(CONFIG["sphinx"]["config"]["extensions"])
    paths = {str(ROOT / p) for p in CONFIG["sphinx"]["local_extensions"].values()}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "index.md").write_text("# x\n", encoding="utf-8")
        Path(folder, "empty.bib").touch()
        Path(folder, "_toc.yml").write_text(
            "format: jb-book\nroot: index\n", encoding="utf-8"
        )
        command = [sys.executable, "-c", PROBE, folder, extensions, ",".join(paths)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    settings, options = json.loads(done.stdout.splitlines()[-1])
    return set(settings), set(options)


def _unknown_sphinx_keys(settings: dict) -> list[str]:
    known, theme = sphinx_knows()
    # Consumed by Jupyter Book before Sphinx starts.
    known = known | {"extensions"}
    unknown = [f"sphinx.config.{key}" for key in settings if key not in known]
    return unknown + [
        f"sphinx.config.html_theme_options.{key}"
        for key in settings.get("html_theme_options", {})
        if key not in theme
    ]


def test_every_key_of_the_configuration_is_read():
    assert unknown_keys(CONFIG) == []


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ((), "titel"),
        (("execute",), "time_out"),
        (("html",), "fav_icon"),
        (("repository",), "adress"),
        (("sphinx",), "configuration"),
        (("sphinx", "config"), "mathjax_pth"),
        (("sphinx", "config", "html_theme_options"), "show_toc_levle"),
    ],
)
def test_a_misspelt_key_is_found(path, key):
    config = copy.deepcopy(CONFIG)
    node = config
    for part in path:
        node = node[part]
    node[key] = True
    assert unknown_keys(config) == [".".join((*path, key))]


def test_the_configuration_fits_the_schema():
    from jupyter_book.config import validate_yaml

    validate_yaml(CONFIG, raise_on_errors=True)


def test_settings_that_the_book_relies_on():
    assert CONFIG["execute"]["execute_notebooks"] == "off"
    assert CONFIG["execute"]["raise_on_error"] is True
    settings = CONFIG["sphinx"]["config"]
    assert CONFIG["sphinx"]["recursive_update"] is True
    assert "sphinx_thebe" not in settings["extensions"]
    assert {"book_site", "book_offline"} <= set(settings["extensions"])
    assert set(CONFIG["sphinx"]["local_extensions"]) <= set(settings["extensions"])
    # Without the key Jupyter Book would link every page to its own repository.
    assert "url" in CONFIG["repository"]


# --- table of contents -----------------------------------------------------------


def toc_files(toc: dict) -> list[str]:
    chapters = [c for part in toc["parts"] for c in part["chapters"]]
    return [toc["root"], *(c["file"] for c in chapters)]


@pytest.mark.parametrize("entry", toc_files(TOC))
def test_each_entry_of_the_contents_is_one_file(entry):
    found = [s for s in (".md", ".ipynb") if (ROOT / f"{entry}{s}").is_file()]
    assert len(found) == 1, f"{entry}: found {found or 'nothing'}"


def test_no_page_is_left_out_of_the_contents():
    book = ROOT / "book"
    pages = {f"book/{path.stem}" for s in ("*.md", "*.ipynb") for path in book.glob(s)}
    assert pages <= set(toc_files(TOC))
    assert len(toc_files(TOC)) == len(set(toc_files(TOC)))


def test_chapters_are_numbered_without_a_gap():
    numbers = [int(m[1]) for f in toc_files(TOC) if (m := re.match(r"book/(\d+)-", f))]
    assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) > 1


# --- requirements ----------------------------------------------------------------


def requirements(path: Path) -> list[Requirement]:
    lines = (
        line.split("#")[0].strip()
        for line in path.read_text(encoding="utf-8").splitlines()
    )
    return [Requirement(line) for line in lines if line]


def broken_pins(wanted: list[Requirement], pins: list[Requirement]) -> list[str]:
    """Requirements that the pinned versions do not meet."""
    versions = {}
    for pin in pins:
        (spec,) = pin.specifier
        assert spec.operator == "==", f"{pin}: an exact version is needed"
        versions[_canonical(pin.name)] = Version(spec.version)
    broken = []
    for need in wanted:
        version = versions.get(_canonical(need.name))
        if version is None or not need.specifier.contains(version, prereleases=True):
            broken.append(f"{need} (pinned: {version})")
    return broken


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def test_constraints_meet_the_requirements():
    pins = requirements(ROOT / "constraints.txt")
    wanted = requirements(ROOT / "requirements.txt")
    wanted += [Requirement(line) for line in project()["dependencies"]]
    assert broken_pins(wanted, pins) == []
    assert broken_pins([Requirement("torch<2")], pins)
    assert broken_pins([Requirement("not-pinned")], pins)


def test_pins_are_portable():
    """A local version such as +cpu, or a path, exists on one machine only."""
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert not re.search(r"^[^#\n]*(\+|@|/)", text, re.MULTILINE)


def test_the_lock_has_every_pin_with_its_hashes():
    """`make locked` installs the versions of constraints.txt, each file known by SHA-256."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    blocks = re.split(r"^(?=\w)", text, flags=re.MULTILINE)[1:]
    locked = {}
    for block in blocks:
        first = Requirement(block.partition("\\")[0])
        assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", block)) >= 1, first
        locked[_canonical(first.name)] = str(first.specifier)
    for pin in requirements(ROOT / "constraints.txt"):
        if pin.marker and not pin.marker.evaluate({"python_full_version": "3.11.5"}):
            continue  # for Python 3.11.0 to 3.11.4, which the lock leaves out
        assert locked.get(_canonical(pin.name), str(pin.specifier)) == str(
            pin.specifier
        )
    wanted = requirements(ROOT / "requirements.txt")
    wanted += [Requirement(line) for line in project()["dependencies"]]
    for need in wanted:
        assert locked[_canonical(need.name)].removeprefix("==") in need.specifier, need


def test_the_package_asks_for_lower_bounds_only():
    """So that installing it in Colab replaces nothing that is there already."""
    for line in project()["dependencies"]:
        operators = {spec.operator for spec in Requirement(line).specifier}
        assert operators <= {">="}, line


def test_the_install_cell_knows_every_dependency():
    names = {Requirement(line).name for line in project()["dependencies"]}
    cell = install_cell.install_source("")
    needed = re.search(r"NEEDED = \(\n(.*?)\n\)", cell, re.DOTALL)[1]
    assert set(re.findall(r"[a-z]+", needed)) == names | {"curriculum"}


# --- assets ----------------------------------------------------------------------


def test_files_named_in_the_configuration_exist():
    settings = CONFIG["sphinx"]["config"]
    names = [settings["mathjax_path"], *settings["nb_ipywidgets_js"]]
    names += settings["html_css_files"] + settings["html_js_files"]
    for name in names:
        assert (ASSETS / name).is_file(), name
    logo = settings["html_theme_options"]["logo"]
    for name in (CONFIG["html"]["favicon"], logo["image_light"], logo["image_dark"]):
        assert (ROOT / name).is_file(), name


def test_vendored_scripts_are_as_published_and_licensed():
    table = (ASSETS / "vendor" / "README.md").read_text(encoding="utf-8")
    for name in ("mathjax/tex-chtml-full.js", "html-manager/embed.js"):
        path = ASSETS / "vendor" / name
        assert hashlib.sha256(path.read_bytes()).hexdigest() in table
        assert path.with_name("LICENSE").stat().st_size > 500
    assert len(list((ASSETS / "vendor").rglob("*.woff*"))) >= 20


def test_no_style_sheet_of_ours_loads_from_elsewhere():
    assert book_offline.remote_assets(ASSETS) == []


# --- nothing remote --------------------------------------------------------------

REMOTE = [
    '<script src="https://cdn.example.org/a.js"></script>',
    '<script src="//cdn.example.org/a.js"></script>',
    '<link rel="stylesheet" href="https://example.org/a.css">',
    '<link rel="preload" as="font" href="https://example.org/a.woff2">',
    '<img src="https://example.org/a.png" alt="a">',
    '<img srcset="a.png 1x, https://example.org/b.png 2x" alt="a">',
    '<video poster="https://example.org/a.png"></video>',
    '<iframe src="https://example.org/"></iframe>',
    '<svg><image xlink:href="https://example.org/a.png"/></svg>',
    '<p style="background: url(https://example.org/a.png)">a</p>',
    "<style>@import 'https://example.org/a.css';</style>",
    "<style>@font-face { src: url(//example.org/a.woff2) }</style>",
    '<script>const u = "https://unpkg.com/thebe@0.8.2/lib/index.js"</script>',
    '<script type="module">import x from "https://esm.sh/x"</script>',
]
LOCAL = [
    '<a href="https://example.org/a.js">a link</a>',
    '<script src="../_static/a.js?v=1"></script>',
    '<link rel="canonical" href="https://example.org/">',
    '<img src="data:image/png;base64,AAAA" alt="a">',
    "<style>/* url(https://example.org/a.png) */ p { color: red }</style>",
    '<script type="application/json">{"a": "https://example.org/a.js"}</script>',
    "<pre>&lt;script src=&quot;https://example.org/a.js&quot;&gt;</pre>",
]


@pytest.mark.parametrize("html", REMOTE)
def test_a_remote_asset_is_found(html):
    assert book_offline.remote_in_html(html)


@pytest.mark.parametrize("html", LOCAL)
def test_a_link_or_a_local_asset_is_fine(html):
    assert book_offline.remote_in_html(html) == []


CONF = """
import sys
sys.path.insert(0, {ext!r})
extensions = ["book_offline"]
"""


@pytest.mark.parametrize("remote", [False, True])
def test_a_build_with_a_remote_script_fails(tmp_path, remote):
    """A real build of a small book, so that the extension is known to be wired in."""
    ext = str(ROOT / "book" / "ext")
    (tmp_path / "conf.py").write_text(CONF.format(ext=ext), encoding="utf-8")
    host = "https://example.org" if remote else "_static"
    page = f'Page\n====\n\n.. raw:: html\n\n   <script src="{host}/a.js"></script>\n'
    (tmp_path / "index.rst").write_text(page, encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-q", str(tmp_path), str(tmp_path / "o")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert (done.returncode != 0) is remote, done.stderr
    assert ("remote assets" in done.stderr) is remote


# --- the repository is named in one place ---------------------------------------


def test_without_an_address_there_is_no_link_to_any_repository():
    for url in ("", None, book_site.NOT_OURS):
        options = {"repository_url": url, "launch_buttons": {"colab_url": "x"}}
        assert book_site.repository_options(options) == {}


def test_with_an_address_there_is_a_colab_button():
    url = "https://github.com/owner/name"
    options = book_site.repository_options({"repository_url": url + ".git"})
    assert options["launch_buttons"] == {"colab_url": book_site.COLAB}
    assert options["repository_url"] == url
    elsewhere = {"repository_url": "https://gitlab.com/owner/name"}
    assert "launch_buttons" not in book_site.repository_options(elsewhere)


def test_an_address_that_is_none_is_an_error():
    for url in ("owner/name", "https://github.com/owner", "git@github.com:o/n"):
        with pytest.raises(Exception, match="repository.url"):
            book_site.repository_options({"repository_url": url})


# --- texts made from the results ---------------------------------------------------


def test_generated_texts_are_those_of_the_results():
    """Provenance page and front picture follow the committed records."""
    for path, text in front.texts().items():
        stored = path.read_text(encoding="utf-8")
        assert stored == text, f"{path.name} is stale; run python book/tools/front.py"


def test_the_laboratory_is_given_what_the_models_answer():
    """Its examples, and the table for readers on paper."""
    for path, text in lab.texts().items():
        stored = path.read_text(encoding="utf-8")
        assert stored == text, f"{path.name} is stale; run python book/tools/lab.py"


def test_the_page_of_attacks_is_that_of_the_tests():
    """`python book/tools/faults.py` writes it."""
    found = faults.faults()
    assert {fault.area for fault in found} <= set(faults.AREAS) and len(found) > 60
    for fault in found:
        assert all(len(words) > 3 for words in fault), fault
    assert faults.PAGE.read_text(encoding="utf-8") == faults.page()


def test_the_page_watches_what_the_results_say():
    """The answers that the slider shows, and the figure beside it."""
    found = watch.watched()
    assert watch.SCRIPT.read_text(encoding="utf-8") == watch.script(found)
    assert watch.lab.PAGE.read_text(encoding="utf-8") == watch.page(found)
    steps = [[s["step"] for s in run] for run in found["arms"].values()]
    assert steps[0] == steps[1] == sorted(steps[0]) and len(steps) == 2
    early = {arm: run[1] for arm, run in found["arms"].items()}
    assert {s["step"] for s in early.values()} == {1400}  # the text speaks of it
    share = {
        arm: {x: n / of for x, (n, of) in s["right"].items()}
        for arm, s in early.items()
    }
    assert share["hybrid"]["1.1"] > share["baseline"]["1.1"]
    for level in ("2.1", "2.2", "3.1", "3.2"):
        assert share["hybrid"][level] < share["baseline"][level]
