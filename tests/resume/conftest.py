from collections.abc import Iterator

import pytest

from resume import set_language


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    """The language belongs to the process, and a test that reads arguments sets it."""
    set_language("en")
    yield
    set_language("en")
