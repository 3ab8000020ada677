"""The templates of infra/, deployed on moto once: nothing is wrong, until a test breaks something and puts it back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.infra.clouds import cloud, deploy_all
from trailhouse import settings
from trailhouse.doctor import examine


@dataclass
class House:
    """A deployed cloud, and the settings by which it is known."""

    outputs: dict[str, str]
    config: settings.Settings

    def examine(self, config: settings.Settings | None = None, **asked: Any) -> examine.Report:
        return examine.examine(config or self.config, examine.Asked(**asked))

    def words(self, config: settings.Settings | None = None, **asked: Any) -> list[str]:
        return [each.check for each in self.examine(config, **asked).findings]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """All of it in one account, with every precaution that is a parameter; the lake's own books are another test's."""
    with cloud(), pytest.MonkeyPatch.context() as patch:
        outputs = deploy_all(bucket={"ObjectLockDays": 400})
        path = tmp_path_factory.mktemp("settings") / "trailhouse.toml"
        path.write_text(outputs["Settings"])
        patch.setattr(examine.books, "read", lambda where: None)
        yield House(outputs, settings.load(path, {}, {}))
