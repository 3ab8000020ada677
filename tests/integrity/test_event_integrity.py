"""
The verdict of an event is that of the bytes that it was ingested from, whatever became of the log file before or after.

By the way that everybody goes: delivered, ingested, verified, asked. The view's branches are in `tests/engine/cases`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.buckets import event, log
from tests.ingest.contents import config_of, ingest, quiet
from tests.ingest.inline import INLINE
from tests.integrity.chains import Chain, Stored, Vault
from tests.integrity.verifying import keys_of, proof_of
from trailhouse import settings
from trailhouse.ask import local
from trailhouse.ingest import run
from trailhouse.sources.values import Range
from trailhouse.upkeep import mend

VALID, HASH, UNLISTED = ("valid", None), ("invalid", "hash"), ("unlisted", "unlisted")
UNKNOWN, CUT = ("unchecked", "not_verified"), ("unchecked", "not_in_ledger")
FORGED = Stored(log(event(900), event(901), event(902)))


class Delivered:
    """A folder of signed log files, and a lake beside it."""

    def __init__(self, lake: settings.Lake, folder: Path) -> None:
        self.lake, self.folder, self.vault = lake, folder / "logs", Vault()
        self.made: Chain = self.vault.chain("ok", "ok", "unlisted", "ok", "empty")
        self.keys = keys_of(self.vault, folder)
        self.vault.save(self.folder)

    def log(self, hour: int) -> str:
        return self.made.hours[hour].logs[0]

    def put(self, key: str, stored: Stored) -> None:
        (self.folder / key).write_bytes(stored.data)

    def ingest(self) -> None:
        assert ingest(self.lake, self.folder).status == "published"

    def verify(self) -> None:
        proof_of(self.lake, self.folder, keys=self.keys)

    def going(self) -> run.Run:
        return run.Run(config_of(self.lake, self.folder), quiet, session=INLINE)

    def rows(self) -> list[tuple[str, str, tuple[str, str | None]]]:
        """Of each event the log file, its own id, and what it is worth."""
        asked = "SELECT source_object, event_id, verdict, reason FROM event_integrity ORDER BY 1, 2"
        rows = local.ask(self.lake, asked).rows
        every = "SELECT source_object, event_id FROM events ORDER BY 1, 2"
        assert [row[:2] for row in rows] == local.ask(self.lake, every).rows, "each event once"
        return [(key, event_id, (verdict, reason)) for key, event_id, verdict, reason in rows]

    def worth(self) -> dict[str, set[tuple[str, str | None]]]:
        """Of each log file what its events are worth."""
        made: dict[str, set[tuple[str, str | None]]] = {}
        for key, _, worth in self.rows():
            made.setdefault(key, set()).add(worth)
        return made

    def all_but(self, **others: set[tuple[str, str | None]]) -> dict[str, set[tuple[str, str | None]]]:
        """Each log file that is signed is valid, the planted one is not; but for those of some hours."""
        signed = {key: {VALID} for hour in self.made.hours for key in hour.logs}
        planted = {key: {UNLISTED} for hour in self.made.hours for key in hour.unlisted}
        return signed | planted | {self.log(int(hour[1:])): worth for hour, worth in others.items()}


@pytest.fixture
def delivered(lake, tmp_path) -> Delivered:
    return Delivered(lake, tmp_path)


def test_what_nobody_has_verified_is_unchecked(delivered):
    delivered.ingest()
    assert delivered.worth() == {key: {UNKNOWN} for key in delivered.all_but()}


def test_what_verify_keeps_can_be_asked_for(delivered):
    delivered.ingest()
    delivered.verify()
    asked = "SELECT (SELECT count(*) FROM {}), (SELECT count(*) FROM {}), (SELECT count(*) > 0 FROM {})"
    both = [
        local.ask(delivered.lake, asked.format("integrity", "digests", keys)).rows
        for keys in ("public_keys", "trailhouse_ops.public_keys")
    ]
    assert both == [[(len(delivered.all_but()), len(delivered.made.hours), True)]] * 2


def test_what_was_tampered_with_before_ingest_is_invalid_though_it_was_put_right(delivered):
    delivered.put(delivered.log(0), FORGED)
    delivered.ingest()
    delivered.put(delivered.log(0), delivered.vault.objects[delivered.log(0)])
    delivered.verify()
    assert delivered.worth() == delivered.all_but(h0={HASH})


def test_what_was_ingested_as_it_was_signed_stays_valid_whatever_becomes_of_the_file(delivered):
    delivered.ingest()
    delivered.put(delivered.log(1), FORGED)
    (delivered.folder / delivered.log(3)).unlink()
    delivered.verify()
    assert delivered.worth() == delivered.all_but()


def test_each_generation_of_a_file_is_worth_what_it_is(delivered):
    delivered.put(delivered.log(0), FORGED)
    delivered.ingest()
    first = {event_id for key, event_id, _ in delivered.rows() if key == delivered.log(1)}
    delivered.put(delivered.log(0), delivered.vault.objects[delivered.log(0)])
    delivered.put(delivered.log(1), Stored(log(event(910), event(911))))
    delivered.ingest()
    delivered.verify()
    assert delivered.worth() == delivered.all_but(h0={HASH, VALID}, h1={VALID, HASH})
    for key, event_id, worth in delivered.rows():
        if key == delivered.log(1):
            assert worth == (VALID if event_id in first else HASH)


def test_what_is_said_anew_is_worth_the_same(delivered):
    delivered.put(delivered.log(0), FORGED)
    delivered.ingest()
    delivered.verify()
    before = delivered.rows()
    assert mend.redecode(delivered.going(), Range(), every=True)[0].rows
    assert delivered.rows() == before
    assert delivered.worth() == delivered.all_but(h0={HASH})


def test_what_was_salvaged_of_a_file_that_was_cut_is_never_valid(delivered):
    whole = log(*map(event, range(900, 1000)))
    delivered.put(delivered.log(0), Stored(whole[: len(whole) // 2]))
    delivered.ingest()
    assert mend.retry(delivered.going(), Range(), salvage=True).rows
    delivered.put(delivered.log(0), delivered.vault.objects[delivered.log(0)])
    delivered.verify()
    assert delivered.worth() == delivered.all_but(h0={CUT})
