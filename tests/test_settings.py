"""Settings: what is accepted, what wins, and what a mistake is told."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from trailhouse.errors import SettingsError
from trailhouse.options import options, source_options
from trailhouse.settings import Settings, Source, load

FULL = """
[lake]
location = "s3://lake-bucket/trail/"
catalog = "glue"
database = "ct"
partition = "bucket"
buckets = 128

[[source]]
url = "s3://log-bucket/o-abcdefghij"
name = "org"
role_arn = "arn:aws:iam::111122223333:role/log-reader"
external_id = "x1"
expected_owner = "111122223333"
region = "eu-west-1"

[[source]]
url = "logs"
layout = "flat"

[batch]
objects = 500
bytes = "2GB"
task_bytes = "1.5MiB"

[limits]
stored_bytes = "32MiB"
depth = 40

[listing]
yesterday_every = "15m"
lookback_days = 3
reconcile_every = "1d12h"

[spark]
driver_memory = "2g"
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "trailhouse.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_without_a_file_there_are_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(None, {}, {}) == Settings()


def test_a_full_file_is_read(tmp_path: Path) -> None:
    made = load(written(tmp_path, FULL), {}, {})
    assert made.lake.location == "s3://lake-bucket/trail"
    assert (made.lake.catalog, made.lake.partition, made.lake.buckets, made.lake.database) == (
        "glue",
        "bucket",
        128,
        "ct",
    )
    assert made.sources[0].url == "s3://log-bucket/o-abcdefghij"
    assert made.sources[0].expected_owner == "111122223333"
    assert made.sources[1] == Source(url=str(tmp_path / "logs"), layout="flat")
    assert (made.batch.objects, made.batch.bytes, made.batch.task_bytes) == (500, 2_000_000_000, 3 * 2**19)
    assert (made.limits.stored_bytes, made.limits.depth, made.limits.records) == (32 * 2**20, 40, 500_000)
    assert made.listing.yesterday_every == timedelta(minutes=15)
    assert made.listing.reconcile_every == timedelta(days=1, hours=12)
    assert made.spark.driver_memory == "2g"


def test_the_command_line_wins_over_the_file(tmp_path: Path) -> None:
    made = load(written(tmp_path, FULL), {"batch.objects": "7", "listing.lookback_every": "2h", "lake.catalog": "sqlite",
                                          "lake.location": str(tmp_path / "lake")}, {})  # fmt: skip
    assert (made.batch.objects, made.batch.bytes) == (7, 2_000_000_000)
    assert made.listing.lookback_every == timedelta(hours=2)
    assert made.lake.catalog_uri == str(tmp_path / "lake" / "catalog.sqlite")


def test_the_file_is_given_or_named_by_the_environment_or_lies_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, named, here = (tmp_path / name for name in ("given", "named", "here"))
    for number, folder in enumerate((given, named, here), start=1):
        folder.mkdir()
        written(folder, f"[batch]\nobjects = {number}\n")
    monkeypatch.chdir(here)
    env = {"TRAILHOUSE_CONFIG": str(named / "trailhouse.toml")}
    assert load(given / "trailhouse.toml", {}, env).batch.objects == 1
    assert load(None, {}, env).batch.objects == 2
    assert load(None, {}, {}).batch.objects == 3


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"there is no settings file .*TRAILHOUSE_CONFIG"):
        load(None, {}, {"TRAILHOUSE_CONFIG": str(tmp_path / "gone.toml")})


def test_paths_are_relative_to_where_they_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "conf").mkdir()
    monkeypatch.chdir(tmp_path)
    file = written(tmp_path / "conf", '[lake]\nlocation = "lake"\n[[source]]\nurl = "../logs"\n')
    made = load(file, {}, {})
    assert made.lake.location == str(tmp_path / "conf" / "lake")
    assert made.lake.catalog_uri == str(tmp_path / "conf" / "lake" / "catalog.sqlite")
    assert made.sources[0].url == str(tmp_path / "logs")
    assert load(file, {"lake.location": "lake"}, {}).lake.location == str(tmp_path / "lake")
    assert load(file, {"source": ["here"]}, {}).sources[0].url == str(tmp_path / "here")
    assert load(file, {"source": f"file://{tmp_path}/a%20b"}, {}).sources[0].url == str(tmp_path / "a b")


def test_a_source_on_the_command_line_keeps_what_the_file_says_of_it(tmp_path: Path) -> None:
    file = written(tmp_path, FULL)
    by_name = load(file, {"source": ("org",)}, {}).sources
    by_url = load(file, {"source": ("s3://log-bucket/o-abcdefghij/",)}, {}).sources
    assert by_name == by_url
    assert by_name[0].role_arn.endswith("log-reader")
    assert load(file, {"source": ("s3://other",)}, {}).sources == (Source(url="s3://other"),)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[lake]\nlocaton = "x"', r"unknown setting `lake.locaton` in trailhouse.toml: did you mean `lake.location`\?"),
        ("[bach]\nobjects = 1", r"unknown table `bach` in trailhouse.toml: did you mean `batch`\?"),
        ("[batch]\nlookback_days = 1", r"unknown setting `batch.lookback_days` .*did you mean `listing.lookback_days`"),
        (
            '[batch]\nobjects = "many"',
            "`batch.objects` in trailhouse.toml must be a whole number above 0, such as 8, not 'many'",
        ),
        ("[batch]\nobjects = true", "must be a whole number"),
        ("[batch]\nobjects = 0", "above 0"),
        ("[batch]\nbytes = 1.5", 'must be a size such as "16MiB"'),
        ('[batch]\nbytes = "2 gallons"', 'must be a size such as "16MiB"'),
        ('[listing]\nlookback_every = "soon"', 'must be a duration such as "15m"'),
        ("[listing]\nlookback_every = 60", 'must be a duration such as "15m"'),
        ('[lake]\ncatalog = "hive"', "must be one of sqlite, glue, rest, not 'hive'"),
        ("[lake]\ndatabase = 5", "must be text in quotes"),
        ('[lake]\ndatabase = "a-b"', "small letters"),
        ('[lake]\nlocation = "s3:/x"', "must name a bucket"),
        ('[lake]\nlocation = "gs://x"', "must be a folder or s3://bucket/prefix"),
        ('[lake]\nlocation = "s3://X"', "must name a bucket"),
        ('[lake]\nlocation = "s3://bucket/x"', "`lake.catalog_uri` is missing: a lake in S3"),
        ('[lake]\ncatalog = "rest"', "`lake.catalog_uri` is missing"),
        ('[lake]\ndatabase = "a"\nops_database = "a"', "must differ"),
        ('[[source]]\nname = "x"', "has no url"),
        ('[source]\nurl = "x"', "double brackets"),
        ('[[source]]\nurl = "a"\nname = "x"\n[[source]]\nurl = "b"\nname = "x"', "two sources .* named `x`"),
        ('[[source]]\nurl = "a"\nexpected_owner = "123"', "12 digits"),
        ('[[source]]\nurl = "a"\nrole_arn = "log-reader"', "arn:aws:iam::111122223333:role/log-reader"),
        ('[lake]\nkms_key = "trailhouse"', "ARN or alias, such as"),
        ('[lake]\nlocation = "lake"\nkms_key = "alias/trailhouse"', "for a lake in S3"),
        ("lake = 3", r"must be a table: write \[lake\]"),
        ("[lake", "not valid TOML"),
        ('[lake]\naws_secret_access_key = "x"', "looks like a secret.*AWS's own tools"),
        ('[[source]]\nurl = "a"\nsession_token = "x"', "looks like a secret"),
        ('[spark]\ndriver_memory = "lots"', "Spark's form"),
    ],
)
def test_a_mistake_is_named_with_what_is_wanted(tmp_path: Path, text: str, told: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(SettingsError, match=told):
        load(file, {}, {})


def test_a_secret_is_not_repeated_in_the_message(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(written(tmp_path, '[lake]\npassword = "hunter2"'), {}, {})
    assert "hunter2" not in str(caught.value)


def test_a_mistake_on_the_command_line_says_so() -> None:
    with pytest.raises(
        SettingsError, match=r"unknown setting `batch.object` on the command line: did you mean `batch.objects`\?"
    ):
        load(None, {"batch.object": "5"}, {})


def test_what_can_be_set_is_worked_out_once_however_many_commands_ask() -> None:
    assert options() is options(), "a fifth of a second of each command's start"


def test_every_setting_is_described_and_its_default_can_be_given_back() -> None:
    described = {option.name: option for option in options()}
    assert described["batch.objects"].flag == "--batch-objects"
    assert described["batch.bytes"].default == "2GiB"
    assert described["listing.reconcile_every"].default == "7d"
    assert described["lake.catalog"].type == "sqlite|glue|rest"
    assert all(option.doc.endswith(".") or option.doc.endswith(").") for option in (*options(), *source_options()))
    given = {name: option.default for name, option in described.items() if option.default}
    assert load(None, given, {}) == Settings()
