"""Where the built book lies."""

from pathlib import Path

HTML = Path(__file__).resolve().parents[2] / "_build" / "html"
