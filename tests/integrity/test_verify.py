"""
Verify over each tampering, in a real bucket: never valid where something was done, never looser than the AWS CLI.

What it says of each is kept in `trailhouse_says.toml`, beside what the CLI says (`golden`).
"""

from __future__ import annotations

import json
import tomllib
from datetime import date
from pathlib import Path

import pytest

from tests.integrity import golden
from tests.integrity.cloudtrail_api import ANYWHERE
from tests.integrity.tamperings import TAMPERINGS, tampered, untouched
from tests.integrity.verifying import exit_of, proof_of, verdicts, wrong

FILE = Path(__file__).with_name("trailhouse_says.toml")
HEAD = "# What `trailhouse verify` says of each tampering: its exit code, and what is not valid. Written by `make golden`.\n"

# Nothing that these say is untrue: a log file is listed twice, both times by its hash.
TRUE_ALL_THE_SAME = {"lie_entry_twice"}
# Who takes the newest of everything away leaves nothing that misses it; a time that is asked about does, or a live source.
ONLY_BY_TIME = {"last_day_deleted"}


@pytest.fixture
def ask(lake, s3, cloudtrail, filled, monkeypatch):
    """What verify says of a vault in its bucket, with keys from the API."""
    for name, value in cloudtrail.env().items():
        monkeypatch.setenv(name, value)

    def asked(vault, **options):
        cloudtrail.keys = {ANYWHERE: vault.keys}
        return proof_of(lake, f"s3://{filled(vault)}", **options)

    return asked


def test_an_untouched_bucket_is_valid_to_the_last_object(ask):
    vault, _ = untouched()
    proof = ask(vault)
    assert proof.verdict == "valid" and not wrong(proof)
    assert verdicts(proof) == dict.fromkeys(vault.objects, "valid")


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_tampering_is_found(ask, update_golden, name):
    tampering, kept = TAMPERINGS[name], golden.read()[name]
    vault, _ = tampered(name)
    proof = ask(vault, **({"until": date(2026, 3, 2)} if name in ONLY_BY_TIME else {}))
    if tampering.harmless or name in TRUE_ALL_THE_SAME:
        assert proof.verdict == "valid", wrong(proof)
    else:
        assert proof.verdict != "valid"
    bad = {golden.short(key) for key, verdict in verdicts(proof).items() if verdict != "valid"}
    assert kept.invalid <= bad, "the AWS CLI calls them invalid"
    if kept.exit == 1:
        assert proof.has_finding, wrong(proof)
    _compare(name, exit_of(proof), wrong(proof), update_golden)


def _compare(name: str, code: int, lines: list[str], update: bool) -> None:
    said = {"exit": code, "says": lines}
    tables = tomllib.loads(FILE.read_text("utf-8")) if FILE.is_file() else {}
    if update:
        tables[name] = said
        FILE.write_text(HEAD + "".join(_table(each, tables[each]) for each in TAMPERINGS if each in tables), "utf-8")
    assert tables.get(name) == said, "make golden, and read the diff"


def _table(name: str, said: dict) -> str:
    listed = "".join(f"  {json.dumps(line, ensure_ascii=False)},\n" for line in said["says"])
    lines = f"[\n{listed}]" if listed else "[]"
    return f"\n# {TAMPERINGS[name].sentence}\n[{name}]\nexit = {said['exit']}\nsays = {lines}\n"
