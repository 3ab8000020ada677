"""
Hostile files among good ones in one bucket, ingested without a JVM: what the lake holds is what the model says.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests import model
from tests.buckets import Bucket, event, key
from tests.fuzz.check import Finding, word
from tests.fuzz.mutate import File
from tests.ingest.contents import Contents, holds_together, ingest
from trailhouse import settings

COUNTS = ("records", "rows", "duplicates", "quarantined", "conflicts")
GOOD = "900000000001"  # an account that no other file speaks of


def look(files: Sequence[File]) -> list[Finding]:
    """Ingest the files, in one batch or in some, and say what does not hold of the lake."""
    with TemporaryDirectory() as folder:
        try:
            _ingest(files, Path(folder))
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            said = f"{type(error).__name__} at {where.name}: {error}"[:1500]
            tried = ", ".join(str(file.number) for file in files)
            return [Finding(files[-1], "lake", f"with files {tried}: {said}")]
    return []


def _ingest(files: Sequence[File], folder: Path) -> None:
    bucket = Bucket(
        {key(f"h{f.number}", account=f"{700000000000 + n}", kind=f.kind): f.data for n, f in enumerate(files)}
    )
    good = [event(5000 + n, account=GOOD) for n in range(6)]
    for n in range(0, len(good), 2):
        bucket.put(key(f"good{n}", account=GOOD), *good[n : n + 2])
    where = settings.Lake(location=str(folder / "lake"), catalog_uri=str(folder / "lake" / "catalog.sqlite"))
    result = ingest(where, bucket.save(folder / "logs"))
    assert (result.status, result.objects, result.pending) == ("published", len(bucket.objects), 0), result
    contents = Contents(where)
    there = {row["event_id"] for row in contents.rows("events") if row["account_id"] == GOOD}
    assert there >= {each["eventID"] for each in good}, "good rows are missing"
    _same_as_model(contents, bucket)
    holds_together(contents)


def _same_as_model(contents: Contents, bucket: Bucket) -> None:
    want, got = model.lake(bucket.listed()), contents.published()
    assert got == want.published, f"published {list(got - want.published)[:3]}, not {list(want.published - got)[:3]}"
    ledger = {row["key"]: row for row in contents.rows("ledger")}
    assert ledger.keys() == want.objects.keys(), "the ledger knows other objects"
    for where, counts in want.objects.items():
        row = ledger[where]
        differ = {name: (row[name], getattr(counts, name)) for name in COUNTS if row[name] != getattr(counts, name)}
        assert not differ, f"{where}: ledger and model: {differ}"
    _quarantine(contents, bucket)


def _quarantine(contents: Contents, bucket: Bucket) -> None:
    """Place by place, what is quarantined is what the model says, for the reason that it says."""
    held = Counter((q["key"], q["record_index"], word(q["reason"], q["raw"])) for q in contents.rows("quarantine"))
    want: Counter = Counter()
    for where, data in bucket.listed():
        bad = model.read(data, model.KEY.fullmatch(where)["kind"]).bad
        want.update((where, each.index, word(each.reason, each.slice)) for each in bad)
    assert held == want, f"quarantined {list(held - want)}, not {list(want - held)}"
