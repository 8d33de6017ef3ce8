"""The real images that lie beside the repository."""

from pathlib import Path

REAL = Path(__file__).resolve().parents[2].parent / "shared" / "data"
