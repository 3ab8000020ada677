"""What an earlier run has read is not read again, and a run that reads little says the same as one that reads all."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tests.ingest.contents import config_of, ingest, quiet
from tests.integrity.chains import FIRST, SECOND, START, Stored, Trail, Vault
from tests.integrity.tamperings import recompressed, record_gone
from tests.integrity.verifying import NOW, keys_of, proof_of, read_of, verdicts, wrong
from tests.integrity.without_lake import proven, verdict_of
from trailhouse import settings
from trailhouse.integrity import evidence, verify
from trailhouse.integrity.job import Run
from trailhouse.integrity.judging import Proof
from trailhouse.integrity.values import VERDICTS, Period


@dataclass
class Stage:
    """A vault in a folder, a lake, and runs over them."""

    vault: Vault
    folder: Path
    lake: settings.Lake
    keys: Path | None = None
    laid: dict[str, Stored] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        return self.folder / "logs"

    def lay(self) -> None:
        """Only what differs is written: a file that stays keeps its time."""
        self.root.mkdir(exist_ok=True)
        for key in self.laid.keys() - self.vault.objects.keys():
            for path in (self.root / key, self.root / f"{key}.metadata.json"):
                path.unlink(missing_ok=True)
        changed = {key: stored for key, stored in self.vault.objects.items() if self.laid.get(key) != stored}
        for key in changed:
            (self.root / f"{key}.metadata.json").unlink(missing_ok=True)
        Vault(objects=changed).save(self.root)
        self.laid = dict(self.vault.objects)

    def proof(self, **asked) -> Proof:
        self.lay()
        self.keys = keys_of(self.vault, self.folder)
        return proof_of(self.lake, self.root, keys=self.keys, **asked)

    def read(self, **asked) -> tuple[Proof, dict[str, int]]:
        self.lay()
        proof, read = read_of(self.lake, self.root, keys=keys_of(self.vault, self.folder), **asked)
        return proof, {name: read.get(name, 0) for name in ("digests", "logs")}


@pytest.fixture
def stage(tmp_path, lake) -> Stage:
    return Stage(Vault(), tmp_path, lake)


def said(proof: Proof) -> list[str]:
    """All verdicts, gaps with their times, chains and days."""
    made = evidence.evidence(proof, "x")
    lines = [f"{key} {verdict}" for key, verdict in verdicts(proof).items()]
    lines += [f"{gap.trail} {gap.since} {gap.until} {gap.verdict.verdict} {gap.verdict.checks}" for gap in proof.gaps]
    lines += [f"{each['account']} {each['trail']} {each['verdict']}" for each in made["chains"]]
    return sorted([*lines, *(f"{each['account']} {each['day']} {each['verdict']}" for each in made["days"])])


def also_lists(vault: Vault, digest: str, log: str) -> None:
    """A digest lists one more log file."""
    body = vault.body(digest)
    entries = [*body["logFiles"], vault.entry(log)]
    times = {
        "newestEventTime": max(each["newestEventTime"] for each in entries),
        "oldestEventTime": min(each["oldestEventTime"] for each in entries),
    }
    vault.rewrite(digest, body | {"logFiles": entries} | times)


def written(proof: Proof) -> list[str]:
    return evidence.text(evidence.evidence(proof, "x")).decode().splitlines()


def same_as_full(stage: Stage, **asked) -> Proof:
    proof = stage.proof(**asked)
    full = stage.proof(full=True, **asked)
    assert said(proof) == said(full)
    assert written(proof) == written(full)
    return proof


# ── what is read ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_second_run_reads_nothing_and_a_full_one_everything(stage):
    stage.vault.chain("ok", "backfill", "restart", "empty", "ok")
    everything = {"digests": 6, "logs": 9}
    first, read = stage.read()
    assert (first.verdict, read) == ("valid", everything)
    again, read = stage.read()
    assert (said(again), read) == (said(first), {"digests": 0, "logs": 0})
    full, read = stage.read(full=True)
    assert (said(full), read) == (said(first), everything)


def test_of_one_more_hour_exactly_its_files_are_read(stage):
    made = stage.vault.chain("ok", "ok", "ok")
    rest = stage.vault.chain("ok", "ok", start=made.end)
    stage.vault.rewrite(rest.digests[0], stage.vault.body(rest.digests[0]) | stage.vault.link(made.digests[-1]))
    hours = [(hour.digest, *hour.logs) for hour in rest.hours]
    later = {key: stage.vault.objects.pop(key) for hour in hours for key in hour}
    assert stage.read()[1] == {"digests": 3, "logs": 6}
    for hour in hours:
        stage.vault.objects |= {key: later[key] for key in hour}
        proof, read = stage.read()
        assert (proof.verdict, read) == ("valid", {"digests": 1, "logs": 2})


def test_what_was_not_valid_is_read_again_and_nothing_else(stage):
    made = stage.vault.chain("ok", "ok", "ok")
    key = made.digests[1]
    sound = stage.vault.objects[key]
    stage.vault.objects[key] = replace(sound, data=sound.data[:-1])
    assert stage.proof().verdict == "invalid"
    stage.vault.objects[key] = sound
    proof, read = stage.read()
    assert (proof.verdict, read) == ("valid", {"digests": 1, "logs": 0})


@pytest.mark.parametrize("root", ["", "AWSLogs", "AWSLogs/111122223333"])
def test_a_root_within_the_tree_is_remembered(stage, root):
    stage.vault.chain("ok", "restart", "backfill", "ok")
    stage.lay()
    keys = keys_of(stage.vault, stage.folder)
    proof, read = read_of(stage.lake, stage.root / root, keys=keys)
    assert (proof.verdict, read["digests"]) == ("valid", 5), wrong(proof)
    again, read = read_of(stage.lake, stage.root / root, keys=keys)
    assert (said(again), read) == (said(proof), {})


# ── what is gone, or another ─────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_verified_and_is_deleted_is_missing_also_where_nobody_misses_it(stage):
    made = stage.vault.chain("ok", "ok", "ok")
    newest = made.hours[-1]
    assert stage.proof().verdict == "valid"
    for key in (newest.digest, *newest.logs):
        del stage.vault.objects[key]
    for _ in range(2):
        proof = same_as_full(stage)
        assert verdicts(proof)[newest.digest] == "missing"
        assert {verdicts(proof)[key] for key in newest.logs} == {"missing"}


def test_what_goes_piece_by_piece_is_remembered_whole(stage):
    """Newest first, so that a file is missed by its digest, then the digest by the next one, then by none."""
    made = stage.vault.chain(*["ok"] * 5)
    assert stage.proof().verdict == "valid"
    gone = []
    for hour in reversed(made.hours[2:]):
        for key in (*hour.logs, hour.digest):
            del stage.vault.objects[key]
            gone.append(key)
            proof = same_as_full(stage)
            assert {verdicts(proof)[each] for each in gone} == {"missing"}
    assert {verdicts(proof)[each] for hour in made.hours[:2] for each in (hour.digest, *hour.logs)} == {"valid"}


def test_a_hole_that_grows_to_the_newest_end_stays_a_hole(stage):
    made = stage.vault.chain(*["ok"] * 5)
    assert stage.proof().verdict == "valid"
    for hour in made.hours[2:]:
        del stage.vault.objects[hour.digest]
        proof = same_as_full(stage)
        assert min(gap.since for gap in proof.gaps) == made.hours[2].start.replace(tzinfo=None)
        assert max(gap.until for gap in proof.gaps) >= hour.end.replace(tzinfo=None)
    for key in made.digests[2:]:
        assert verdicts(proof)[key] == "missing"


def test_what_comes_back_is_valid(stage):
    made = stage.vault.chain("ok", "ok", "ok")
    assert stage.proof().verdict == "valid"
    taken = {key: stage.vault.objects.pop(key) for key in (made.digests[1], made.hours[1].logs[0], made.digests[2])}
    assert stage.proof().verdict == "missing"
    stage.vault.objects |= taken
    assert same_as_full(stage).verdict == "valid"


def test_a_log_file_that_is_replaced_after_it_was_verified_is_invalid(stage):
    made = stage.vault.chain("ok", "ok", "ok")
    key = made.hours[1].logs[0]
    assert stage.proof().verdict == "valid"
    stage.vault.objects[key] = Stored(recompressed(record_gone)(stage.vault.objects[key].data))
    assert verdict_of(same_as_full(stage), key) == ("invalid", ("hash",))


def test_the_word_of_one_digest_stands_where_another_that_lists_the_same_is_gone(stage):
    vault = stage.vault
    made = vault.chain(*["ok"] * 4)
    log = made.hours[1].logs[0]
    also_lists(vault, made.digests[2], log)
    assert stage.proof().verdict == "valid"
    del vault.objects[made.digests[1]]
    assert verdict_of(same_as_full(stage), log)[0] == "valid"


def test_a_file_of_an_earlier_day_that_a_digest_lists_late_is_looked_at_each_time(stage):
    """It was delivered again a week later, as after a broken bucket policy; only the late day is asked about."""
    vault = stage.vault
    made = vault.chain("ok", "ok", start=START + timedelta(days=7))
    log = vault.put_log(made.trail, START + timedelta(minutes=12))
    also_lists(vault, made.digests[0], log)
    asked = {"since": date(2026, 3, 8), "until": date(2026, 3, 8)}
    until = datetime(2026, 3, 8, 4, tzinfo=UTC)
    for _ in range(3):
        assert verdict_of(same_as_full(stage, now=until, **asked), log)[0] == "valid"
    del vault.objects[log]
    for _ in range(2):
        assert verdict_of(same_as_full(stage, now=until, **asked), log)[0] == "missing"


# ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_lacked_a_key_is_resolved_once_the_key_is_there(stage):
    vault = stage.vault
    vault.chain(*["ok"] * 4, signers={0: FIRST, 2: SECOND})
    vault.keys = (FIRST,)
    assert not (proof := stage.proof()).has_finding and proof.verdict == "unchecked"
    vault.keys = (SECOND,)
    proof, read = stage.read()
    assert (proof.verdict, read) == ("valid", {"digests": 2, "logs": 0}), "the lake has kept the first"


def test_a_signature_that_proved_a_digest_proves_it_still(stage):
    """A copy has lost it, the next digest said it again, and now that one is gone too."""
    vault = stage.vault
    made = vault.chain("ok", "ok", "ok")
    first = made.digests[0]
    vault.objects[first] = replace(vault.objects[first], metadata={})
    assert stage.proof().verdict == "valid"
    vault.objects[made.digests[1]] = replace(vault.objects[made.digests[1]], data=b"")
    assert verdict_of(same_as_full(stage), first)[0] == "valid"
    vault.objects[first] = replace(vault.objects[first], data=vault.objects[first].data[:-1])
    assert verdict_of(same_as_full(stage), first)[0] == "invalid"


# ── the ledger ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_ingested_keeps_its_verdict_when_the_object_is_replaced(stage):
    made = stage.vault.chain("ok", "ok")
    key = made.hours[0].logs[0]
    stage.lay()
    ingest(stage.lake, stage.root)
    assert {each.ingested for each in stage.proof().logs} == {"valid"}
    stage.vault.objects[key] = Stored(recompressed(record_gone)(stage.vault.objects[key].data))
    proof = same_as_full(stage)
    (log,) = [each for each in proof.logs if each.there.key == key]
    assert (log.ingested, log.verdict.verdict, log.verdict.checks) == (
        "valid",
        "invalid",
        ("hash", "changed_after_ingest"),
    )


def test_what_was_tampered_with_before_it_was_ingested_is_invalid_however_sound_the_object_is_now(stage):
    made = stage.vault.chain("ok", "ok")
    key = made.hours[0].logs[0]
    sound = stage.vault.objects[key]
    stage.vault.objects[key] = Stored(recompressed(record_gone)(sound.data))
    stage.lay()
    ingest(stage.lake, stage.root)
    (log,) = [each for each in stage.proof().logs if each.there.key == key]
    assert (log.ingested, log.verdict.verdict) == ("invalid", "invalid")
    stage.vault.objects[key] = sound
    (log,) = [each for each in same_as_full(stage).logs if each.there.key == key]
    assert (log.ingested, log.verdict.verdict, log.verdict.checks) == (
        "invalid",
        "invalid",
        ("ingested", "changed_after_ingest"),
    )


# ── a run that read, and did not come to its end ─────────────────────────────────────────────────────────────────────


class Stopped(Exception):
    """Stands for a kill."""


@pytest.mark.parametrize("full", [False, True])
def test_what_a_run_read_that_was_stopped_is_not_read_again_and_changes_nothing(stage, monkeypatch, full):
    stage.vault.chain("ok", "restart", "ok")
    stage.lay()
    keys = keys_of(stage.vault, stage.folder)
    if full:
        before = stage.proof()
    with monkeypatch.context() as patched:
        patched.setattr(verify.judging, "judged", _stop)
        with pytest.raises(Stopped):
            _with_portions(stage, keys, full)
    proof, read = stage.read()
    assert proof.verdict == "valid", wrong(proof)
    assert read["logs"] == (0 if full else 2), "what the last portion held was not kept"
    if full:
        assert said(proof) == said(before)


def _stop(_: object) -> None:
    raise Stopped


def _with_portions(stage: Stage, keys: Path, full: bool = False) -> Proof:
    run = Run(config_of(stage.lake, stage.root, objects=2), quiet, clock=lambda: NOW)
    return verify.verify(run, verify.Asked(Period(), keys, full))


# ── anything at all ──────────────────────────────────────────────────────────────────────────────────────────────────


Change = Callable[[random.Random, Vault, dict[str, Stored]], None]


def _pick(rng: random.Random, vault: Vault) -> str | None:
    return rng.choice(sorted(vault.objects)) if vault.objects else None


def delete(rng: random.Random, vault: Vault, _: dict[str, Stored]) -> None:
    if key := _pick(rng, vault):
        del vault.objects[key]


def delete_hour(rng: random.Random, vault: Vault, _: dict[str, Stored]) -> None:
    digests = sorted(key for key in vault.objects if "/CloudTrail-Digest/" in key)
    if digests:
        del vault.objects[rng.choice(digests)]


def cut(rng: random.Random, vault: Vault, _: dict[str, Stored]) -> None:
    if key := _pick(rng, vault):
        stored = vault.objects[key]
        vault.objects[key] = replace(stored, data=stored.data[: rng.randrange(len(stored.data) + 1)])


def unsign(rng: random.Random, vault: Vault, _: dict[str, Stored]) -> None:
    signed = sorted(key for key, stored in vault.objects.items() if stored.metadata)
    if signed:
        key = rng.choice(signed)
        vault.objects[key] = replace(vault.objects[key], metadata={})


def swap(rng: random.Random, vault: Vault, _: dict[str, Stored]) -> None:
    if len(vault.objects) > 1:
        one, other = rng.sample(sorted(vault.objects), 2)
        vault.objects[one], vault.objects[other] = vault.objects[other], vault.objects[one]


def plant(rng: random.Random, vault: Vault, _: dict[str, Stored]) -> None:
    vault.put_log(Trail(), START + timedelta(minutes=rng.randrange(600)))


def restore(rng: random.Random, vault: Vault, untouched: dict[str, Stored]) -> None:
    away = sorted(key for key, stored in untouched.items() if vault.objects.get(key) != stored)
    for key in away[:: rng.choice((1, 2))]:
        vault.objects[key] = untouched[key]


def take_keys(rng: random.Random, vault: Vault, _: dict[str, Stored]) -> None:
    vault.keys = rng.choice(((FIRST,), (SECOND,), (FIRST, SECOND)))


def present(proof: Proof, vault: Vault) -> dict[str, str]:
    """
    The verdicts of the files that are there.

    What no digest lists is `unlisted` or `unchecked`: the lake knows of digests that nobody sees any more.
    """
    by_none = {"unlisted": "unchecked"}
    return {key: by_none.get(word, word) for key, word in verdicts(proof).items() if key in vault.objects}


SAME = {(word, word) for word in VERDICTS}

OPERATIONS: tuple[Change, ...] = (delete, delete_hour, cut, unsign, swap, plant, restore, restore, take_keys)


def test_after_whatever_happens_a_run_that_reads_little_says_what_a_full_one_says(stage, record_property):
    seed = int(os.environ.get("TRAILHOUSE_SEED") or random.randrange(2**32))
    print("seed", seed)
    record_property("told", f"incremental runs: TRAILHOUSE_SEED={seed}")
    rng, vault = random.Random(seed), stage.vault
    vault.chain("ok", "ok+StopLogging", "restart", "backfill", "ok", "ok", signers={0: FIRST, 3: SECOND})
    vault.chain("ok", "unexplained", "backfill", "ok", "ok", trail=Trail("second", prefix="second"))
    untouched, seen = dict(vault.objects), set(vault.keys)
    same_as_full(stage)
    for _ in range(20):
        change = rng.choice(OPERATIONS)
        print(change.__name__)
        change(rng, vault, untouched)
        proof = same_as_full(stage)
        seen |= set(vault.keys)
        fresh = proven(stage.root, keys=keys_of(replace(vault, keys=tuple(seen)), stage.folder))
        differ = {(word, present(fresh, vault)[key]) for key, word in present(proof, vault).items()} - SAME
        known = {("valid", "unchecked"), ("invalid", "unchecked")}
        assert differ <= known, "the lake has kept a signature that the copy has lost"


DAYS = [date(2026, 3, number) for number in (1, 2, 3)]


def any_period(rng: random.Random) -> dict[str, date]:
    since, until = sorted((rng.choice(DAYS), rng.choice(DAYS)))
    return {name: day for name, day in (("since", since), ("until", until)) if rng.random() < 0.7}


def test_the_same_is_true_whatever_days_are_asked_about(stage, record_property):
    seed = int(os.environ.get("TRAILHOUSE_SEED") or random.randrange(2**32))
    print("seed", seed)
    record_property("told", f"incremental runs over some days: TRAILHOUSE_SEED={seed}")
    rng, vault, start = random.Random(seed), stage.vault, START + timedelta(hours=18)
    quiet_day = ["empty"] * 17
    vault.chain("ok", "ok", "restart", "backfill", *quiet_day, "ok", "backfill", "ok", "restart", "ok", start=start)
    second = Trail("second", prefix="second")
    vault.chain("ok", "unexplained", "backfill", "ok", *quiet_day, "ok", "unexplained", "ok", trail=second, start=start)
    untouched = dict(vault.objects)
    for _ in range(10):
        change, asked = rng.choice(OPERATIONS), any_period(rng)
        print(change.__name__, asked)
        change(rng, vault, untouched)
        same_as_full(stage, **asked)
