"""The same question of a lake, of raw files and of Parquet: the same answers; and what each reads is counted truly."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from bench import asking
from bench.contenders import duckdb_job
from bench.parts.query import REPORTS
from bench.process import ROOT
from tests.children import python_path
from tests.ingest.inline import INLINE
from trailhouse import sample, settings
from trailhouse.ask import parameters, queries
from trailhouse.ingest import run
from trailhouse.ingest.job import Run

DAY = date(2026, 3, 1)
RECIPE = sample.Recipe(accounts=2, regions=2, days=2, events=3_000, clean=True, digests=False, layout="organization")
EVERY = {
    "everything": "SELECT * FROM events",
    **{name: parameters.bound(queries.report(name), {"since": str(DAY), "until": str(DAY)}, DAY) for name in REPORTS},
    "who": "SELECT actor, actor_type, coalesce(actor_account_id, ''), count(*) FROM events GROUP BY 1, 2, 3",
    "events": "SELECT count(*), event_name, read_only, session_mfa FROM events GROUP BY 2, 3, 4",
}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The same events raw, in a lake, and as DuckDB writes them."""
    folder = tmp_path_factory.mktemp("asked")
    logs = folder / "logs"
    sample.make_bucket(logs, RECIPE)
    for path in [path for kind in ("Insight", "Aggregated", "NetworkActivity") for path in logs.rglob(f"*-{kind}_*")]:
        path.unlink()
    where = settings.Lake(location=str(folder / "lake"), catalog_uri=str(folder / "lake" / "catalog.sqlite"))
    config = settings.Settings(lake=where, sources=(settings.Source(url=str(logs)),))
    run.ingest(Run(config, lambda *_: None, session=INLINE))
    subprocess.run(
        [sys.executable, "-m", "bench.contenders.duckdb_job", logs, folder / "parquet"],
        cwd=ROOT, env={"PYTHONPATH": python_path()}, check=True, capture_output=True,
    )  # fmt: skip
    return {
        "lake": where.location,
        "raw": f"{logs}/**/*_CloudTrail_*.json.gz",
        "parquet": f"{folder / 'parquet'}/**/*.parquet",
    }


@pytest.mark.parametrize("kind", ["raw", "parquet"])
def test_who_has_no_lake_gets_the_same_answers(places: dict[str, str], kind: str) -> None:
    ours, theirs = (asking.answers(one, places[one], EVERY) for one in ("lake", kind))
    assert {name: len(rows) for name, rows in ours.items()} == {name: len(rows) for name, rows in theirs.items()}
    for name in ("who", "events"):
        assert sorted(ours[name], key=str) == sorted(theirs[name], key=str)


def test_bytes_are_those_that_were_read(places: dict[str, str], tmp_path: Path) -> None:
    stored = sum(path.stat().st_size for path in Path(places["raw"].partition("/**")[0]).rglob("*_CloudTrail_*"))
    told = tmp_path / "asked.json"
    told.write_text(json.dumps({"kind": "raw", "place": places["raw"], "asked": {"all": "SELECT * FROM events"}}))
    ran = subprocess.run(
        [sys.executable, "-m", "bench.asking", told],
        cwd=ROOT, env={"PYTHONPATH": python_path()}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    found = json.loads(ran.stdout)["all"]
    assert found["rows"] == len(asking.answers("lake", places["lake"], EVERY)["everything"])
    assert stored <= found["bytes"] < stored + 2**18, "into the first files it looks twice"


def test_a_file_that_is_read_counts_as_often_as_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(1_000_000))
    before = asking.bytes_read()
    for _ in range(3):
        (tmp_path / "file").read_bytes()
    assert 3_000_000 <= asking.bytes_read() - before < 3_020_000


def test_the_largest_file_that_may_be_read_is_larger_than_any_of_ours() -> None:
    from bench import tables

    assert tables.LARGEST > 2 * duckdb_job.SMALLEST_OBJECT
