"""Sphinx extension: repository links only where this book has a repository.

- One place: `repository.url` in `_config.yml`. With an address on GitHub every
  notebook page gets a Colab button and the pages a link to their source; with any
  other address only the link; with none, nothing, and the download button stays.
- Needed because Jupyter Book falls back on *its own* repository when the key is
  absent, and fails on an empty one.
- The old `MathJax.Hub` call of the widget manager is served by `assets/book.js`.
"""

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError

COLAB = "https://colab.research.google.com"
NOT_OURS = "https://github.com/executablebooks/jupyter-book"


def repository_options(options: dict) -> dict:
    """Theme options with launch and source buttons as the address allows.

    Raises:
        ConfigError: The address is not `https://host/owner/name`.
    """
    options = dict(options)
    url = (options.pop("repository_url", None) or "").strip().rstrip("/")
    url = url.removesuffix(".git")
    options.pop("launch_buttons", None)
    if not url or url == NOT_OURS:
        options.pop("use_repository_button", None)
        options.pop("use_issues_button", None)
        return options
    if not url.startswith("https://") or len(url.split("/")) != 5:
        raise ConfigError(
            f"repository.url is {url!r}; expected https://github.com/owner/name, "
            'or "" when the book has no public repository'
        )
    options["repository_url"] = url
    options["use_repository_button"] = True
    if url.startswith("https://github.com/"):
        options["launch_buttons"] = {"colab_url": COLAB}
    return options


def configure(app: Sphinx, config: Config) -> None:
    config.html_theme_options = repository_options(config.html_theme_options or {})


def setup(app: Sphinx) -> dict:
    app.connect("config-inited", configure, priority=100)
    return {
        "version": "1",
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
