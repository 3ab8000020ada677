"""What the lake's own books say, and the checks that need no cloud."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.buckets import plain
from tests.ingest.contents import ingest
from trailhouse import cli, settings
from trailhouse.doctor import books, roles, trails
from trailhouse.doctor.values import LOGS, Bucket, Cloud, LakeSeen, Table, Trail

NOW = datetime(2026, 3, 10)
FED = LakeSeen(
    there=True, published=NOW - timedelta(hours=1), tables=(Table("events", 10, NOW), Table("ledger", 0, None)),
    accounts=frozenset({"111122223333"}),
)  # fmt: skip
CONFIG = settings.Settings(lake=settings.Lake(location="./lake"))


def words(lake: LakeSeen) -> list[str]:
    return [each.check for each in books.check(lake, CONFIG, NOW)]


def test_a_lake_that_was_fed_just_now_is_well():
    assert words(FED) == []


@pytest.mark.parametrize(
    ("changed", "word", "said"),
    [
        ({"there": False}, "lake_missing", "no lake"),
        ({"published": NOW - timedelta(hours=7)}, "ingest_overdue", "7 hours"),
        ({"held": ("b1",)}, "batch_held", "gate holds"),
        ({"pending": (("access_kms", NOW - timedelta(hours=3)),)}, "objects_pending", "3 hours: access_kms"),
        ({"tables": (Table("events", 500, NOW - timedelta(days=9)),)}, "maintain_overdue", "500 snapshots"),
    ],
)
def test_what_is_overdue_is_found_and_nothing_else(changed, word, said):
    (finding,) = books.check(replace(FED, **changed), CONFIG, NOW)
    assert (finding.check, said in finding.what) == (word, True)
    assert "{" not in finding.what + finding.mend


@pytest.mark.parametrize(
    "changed",
    [
        {"published": NOW - timedelta(hours=5)},
        {"pending": (("throttled", NOW - timedelta(minutes=30)),)},
        {"tables": (Table("events", 500, NOW - timedelta(days=6)),)},
        {"tables": (Table("events", 20, NOW - timedelta(days=60)),)},
        {"published": None},
    ],
)
def test_what_is_within_its_bounds_is_well(changed):
    assert words(replace(FED, **changed)) == []


def test_how_to_mend_depends_on_why_an_object_waits():
    told = {}
    for reason in ("access", "access_kms", "archived", "throttled"):
        (finding,) = books.check(replace(FED, pending=((reason, NOW - timedelta(days=3)),)), CONFIG, NOW)
        told[reason] = finding.mend
    assert len(set(told.values())) == 4
    assert "kms:Decrypt" in told["access_kms"] and "restore-object" in told["archived"]


# ── a lake in a folder ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def fed(lake, tmp_path):
    ingest(lake, plain(4).save(tmp_path / "logs"), clock=lambda: datetime.now(UTC))
    return lake


def test_the_books_of_a_lake_are_read(fed):
    seen = books.read(fed)
    assert seen.there and seen.published and not seen.held and not seen.pending
    assert {each.name: each.snapshots > 0 for each in seen.tables}["events"]
    assert words(replace(seen, published=NOW)) == []


def test_a_folder_without_a_lake_has_none(lake):
    assert books.read(lake) == LakeSeen(there=False)


def run(capsys, *arguments: object) -> tuple[int, dict]:
    with pytest.raises(SystemExit) as left:
        cli.main(["doctor", "--format", "json", *map(str, arguments)])
    return int(left.value.code or 0), json.loads(capsys.readouterr().out)


def test_a_lake_in_a_folder_is_looked_at_without_aws(fed, capsys, tmp_path, aws_env):
    aws_env.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")  # nobody answers
    code, told = run(capsys, tmp_path / "logs", "--lake", fed.location)
    assert (code, told["status"], told["findings"], told["calls"]) == (0, "well", [], 0)
    code, told = run(capsys, "--lake", fed.location, "--doctor-ingest-within", "0s")
    assert (code, [each["check"] for each in told["findings"]]) == (4, ["ingest_overdue"])
    code, told = run(capsys, "--lake", tmp_path / "nowhere")
    assert (code, [each["check"] for each in told["findings"]]) == (4, ["lake_missing"])


def test_a_lake_that_cannot_be_read_is_unchecked(fed, capsys, tmp_path):
    (tmp_path / "lake" / "catalog.sqlite").write_bytes(b"no database")
    code, told = run(capsys, "--lake", fed.location)
    assert (code, [each["check"] for each in told["findings"]]) == (5, ["unchecked"])


# ── settings and the organization ────────────────────────────────────────────────────────────────────────────────────

OWN = "111122223333"
READER = "arn:aws:iam::444455556666:role/log-reader"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (settings.Source(url="s3://logs", expected_owner=OWN), []),
        (settings.Source(url="s3://logs"), ["source_no_owner"]),
        (settings.Source(url="/logs"), []),
        (settings.Source(url="s3://logs", expected_owner=OWN, role_arn=READER), ["source_no_external_id"]),
        (settings.Source(url="s3://logs", expected_owner=OWN, role_arn=READER, external_id="x"), []),
        (settings.Source(url="s3://logs", expected_owner=OWN, role_arn=READER.replace("444455556666", OWN)), []),
    ],
)
def test_a_source_says_who_owns_it_and_by_which_id_its_role_is_asked(source, found):
    told = roles.of_sources(settings.Settings(sources=(source,)), OWN)
    assert [each.check for each in told] == found


def test_requests_that_do_not_go_to_aws_are_told():
    (finding,) = roles.of_endpoints({"s3": "https://s3.example.com"})
    assert finding.check == "endpoint_elsewhere" and "AWS_ENDPOINT_URL_S3" in finding.mend


def test_an_account_of_which_nothing_came_is_found():
    arn = "arn:aws:cloudtrail:us-east-1:111122223333:trail/x"
    told = {"IsMultiRegionTrail": True, "IncludeGlobalServiceEvents": True, "LogFileValidationEnabled": True}
    trail = Trail(arn, "logs", told | {"KmsKeyId": "k", "IsOrganizationTrail": True}, {"IsLogging": True}, None, None)
    cloud = Cloud(OWN, "us-east-1", "me", (trail,), (Bucket("logs", LOGS),), accounts=(OWN, "444455556666"))
    assert [(each.check, each.where) for each in trails.check(cloud, FED)] == [("account_unseen", "444455556666")]
    assert list(trails.check(replace(cloud, accounts=None), FED)) == []
    assert list(trails.check(cloud, None)) == []
