"""Pages that are derived are fresh."""

from __future__ import annotations

import pytest

from tools import docs


@pytest.mark.parametrize("path", docs.pages(), ids=lambda path: path.name)
def test_the_page_is_what_would_be_written_now(path):
    assert path.read_text("utf-8") == docs.pages()[path], "make docs"
