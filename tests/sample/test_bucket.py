"""A made bucket, read again with nothing but json and gzip: what it holds is what its truth says."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import zlib
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from trailhouse.errors import UsageError
from trailhouse.sample import Recipe, Truth, make_bucket

# AWS's grammar of keys and file names, spelled out here once more on purpose.
KEY = re.compile(
    r"^(?:(?P<prefix>.+)/)?AWSLogs/(?:(?P<org>o-[a-z0-9]{10,32})/)?(?P<account>\d{12})/"
    r"(?P<kind>CloudTrail(?:-(?:Insight|NetworkActivity|Aggregated|Digest))?)/"
    r"(?P<region>[a-z]{2,4}(?:-[a-z]+)+-\d+)/(?P<date>\d{4}/\d{2}/\d{2})/(?P<file>[^/]+)$"
)
LOG = re.compile(
    r"^(?P<account>\d{12})_(?P<kind>CloudTrail(?:-[A-Za-z]+)?)_(?P<region>[a-z0-9-]+)_(?P<label>\d{8}T\d{4}Z)_"
    r"[A-Za-z0-9]{16}\.json\.gz$"
)
DIGEST = re.compile(
    r"^(?P<account>\d{12})_CloudTrail-Digest_(?P<region>[a-z0-9-]+)_(?:org|legacy)-trail_us-east-1_"
    r"(?P<end>\d{8}T\d{6}Z)(?:_backfill)?\.json\.gz$"
)
EVENT_KINDS = ("CloudTrail", "CloudTrail-NetworkActivity")
IDENTITY_TYPES = {
    "", "Root", "IAMUser", "AssumedRole", "Role", "FederatedUser", "Directory", "AWSAccount", "AWSService",
    "IdentityCenterUser", "Unknown", "SAMLUser", "WebIdentityUser",
}  # fmt: skip
SMALL = Recipe(accounts=3, regions=2, days=2, events=6000, seed=7)


@dataclass
class Found:
    """What an independent reader finds in a folder."""

    objects: Counter[str] = field(default_factory=Counter)
    others: set[str] = field(default_factory=set)
    broken: dict[str, str] = field(default_factory=dict)
    strings: list[tuple[str, int]] = field(default_factory=list)
    records: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    texts: dict[str, bytes] = field(default_factory=dict)

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        return [record for key, record in self.records if KEY.match(key)["kind"] in kinds]  # type: ignore[index]

    def unique_events(self) -> dict[tuple[str, str, str], dict[str, Any]]:
        return {(r["recipientAccountId"], r["awsRegion"], r["eventID"]): r for r in self.of(*EVENT_KINDS)}


def read(folder: Path) -> Found:
    found = Found()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        key = path.relative_to(folder).as_posix()
        fits = KEY.match(key)
        if not fits or key.endswith(".metadata.json"):
            found.others.add(key)
            continue
        found.objects[fits["kind"]] += 1
        try:
            found.texts[key] = gzip.decompress(path.read_bytes()) if path.stat().st_size else b""
            content = json.loads(found.texts[key])
        except (EOFError, gzip.BadGzipFile, zlib.error, json.JSONDecodeError) as error:
            found.broken[key] = type(error).__name__
            continue
        for position, record in enumerate(content.get("Records", [])):
            if isinstance(record, dict):
                found.records.append((key, record))
            else:
                found.strings.append((key, position))
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth, Found]:
    folder = tmp_path_factory.mktemp("bucket")
    truth = make_bucket(folder, SMALL)
    return folder, truth, read(folder)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> tuple[Truth, Found]:
    folder = tmp_path_factory.mktemp("clean")
    truth = make_bucket(folder, Recipe(accounts=3, regions=2, days=2, events=6000, seed=7, clean=True))
    return truth, read(folder)


def test_truth_equals_an_independent_count(made: tuple[Path, Truth, Found]) -> None:
    _, truth, found = made
    events = found.unique_events()
    assert len(events) == SMALL.events == truth.total.events
    assert truth.total.records_delivered == len(found.records) + len(found.strings)
    assert truth.total.duplicates == len(found.of(*EVENT_KINDS)) - len(events)
    assert truth.total.insight_events == len({r["eventID"] for r in found.of("CloudTrail-Insight")})
    assert truth.total.aggregated_events == len({r["eventId"] for r in found.of("CloudTrail-Aggregated")})
    assert truth.total.objects == dict(found.objects)
    times = [record["eventTime"] for record in events.values()]
    assert (truth.total.first_event_time, truth.total.last_event_time) == (min(times), max(times))


def test_truth_counts_each_account_by_itself(made: tuple[Path, Truth, Found]) -> None:
    folder, truth, found = made
    assert set(truth.accounts) == set(SMALL.account_ids)
    events = Counter(account for account, _, _ in found.unique_events())
    assert {account: counts.events for account, counts in truth.accounts.items()} == dict(events)
    for account, counts in truth.accounts.items():
        mine = [path for path in folder.rglob("*.gz") if f"/{account}/CloudTrail" in path.as_posix()]
        assert counts.bytes == sum(path.stat().st_size for path in mine)
        assert sum(counts.objects.values()) == len(mine)


def test_records_add_up(made: tuple[Path, Truth, Found]) -> None:
    total = made[1].total
    unique = total.events + total.insight_events + total.aggregated_events
    assert total.records_delivered == unique + total.duplicates + total.rejected_records


def test_answers_are_those_of_the_records(made: tuple[Path, Truth, Found]) -> None:
    _, truth, found = made
    events = found.unique_events().values()
    answers = truth.answers
    assert answers.calls == Counter(f"{r['eventSource']}:{r['eventName']}" for r in events)
    assert answers.identity_types == Counter(r["userIdentity"].get("type", "") for r in events)
    assert answers.categories == Counter(r.get("eventCategory", "") for r in events)
    assert answers.failed_calls == Counter(r["errorCode"] for r in events if "errorCode" in r)
    deleting = [r for r in events if r["eventName"].startswith(("Delete", "Terminate")) and "errorCode" not in r]
    assert answers.deletions == len(deleting)
    logins = [r for r in events if r["eventName"] == "ConsoleLogin" and r["additionalEventData"]["MFAUsed"] == "No"]
    passed = [r for r in logins if r["responseElements"]["ConsoleLogin"] == "Success"]
    assert answers.console_logins_without_mfa == len(passed) > 0


def test_truth_json_is_the_truth(made: tuple[Path, Truth, Found]) -> None:
    folder, truth, _ = made
    written = json.loads((folder / "truth.json").read_text())
    assert written == json.loads(json.dumps(asdict(truth), default=str))


def test_every_key_fits_the_grammar_and_agrees_with_its_name(made: tuple[Path, Truth, Found]) -> None:
    folder, truth, found = made
    assert found.others == {*truth.other_objects, "truth.json"}
    for path in folder.rglob("*.json.gz"):
        key = path.relative_to(folder).as_posix()
        if key in truth.other_objects:
            continue
        parts = KEY.match(key)
        assert parts
        if parts["kind"] == "CloudTrail-Digest":
            name = DIGEST.match(parts["file"])
            assert name
            assert (name["account"], name["region"]) == (parts["account"], parts["region"])
            assert f"{datetime.strptime(name['end'], '%Y%m%dT%H%M%SZ'):%Y/%m/%d}" == parts["date"]
            continue
        name = LOG.match(parts["file"])
        assert name
        assert (name["account"], name["kind"], name["region"]) == (parts["account"], parts["kind"], parts["region"])
        assert f"{datetime.strptime(name['label'], '%Y%m%dT%H%MZ'):%Y/%m/%d}" == parts["date"]
        assert (int(name["label"][11:13]) % 5 == 0) is (parts["kind"] != "CloudTrail-Insight")


def test_all_layouts_are_in_a_mixed_bucket(made: tuple[Path, Truth, Found]) -> None:
    _, _, found = made
    roots = {key.partition("/CloudTrail")[0] for key, _ in found.records}
    first, _, tower = SMALL.account_ids
    assert {
        f"AWSLogs/o-exampleorg1/{first}",
        f"AWSLogs/{first}",
        f"o-exampleorg1/AWSLogs/{tower}",
        f"o-exampleorg1/AWSLogs/o-exampleorg1/{tower}",
    } <= roots


@pytest.mark.parametrize(
    ("layout", "prefix"),
    [("single", "AWSLogs/"), ("organization", "AWSLogs/o-exampleorg1/"), ("control-tower", "o-exampleorg1/AWSLogs/")],
)
def test_a_layout_alone_has_only_its_own_prefix(tmp_path: Path, layout: str, prefix: str) -> None:
    truth = make_bucket(tmp_path, Recipe(accounts=2, regions=1, days=2, events=500, layout=layout))
    found = read(tmp_path)
    assert all(key.startswith(prefix) for key, _ in found.records)
    assert ("o-exampleorg1" in next(iter(found.records))[0]) is (layout != "single")
    assert len(found.unique_events()) == truth.total.events == 500


def test_all_identity_types_kinds_and_versions_occur(made: tuple[Path, Truth, Found]) -> None:
    _, truth, found = made
    assert set(truth.answers.identity_types) == IDENTITY_TYPES
    assert {"Management", "Data", "NetworkActivity", ""} == set(truth.answers.categories)
    assert set(found.objects) == {
        *EVENT_KINDS, "CloudTrail-Insight", "CloudTrail-Aggregated", "CloudTrail-Digest"
    }  # fmt: skip
    versions = {record["eventVersion"] for record in found.of("CloudTrail")}
    assert {"1.02", "1.05", "1.06", "1.07", "1.08", "1.09", "1.10", "1.11"} <= versions
    assert len(truth.answers.calls) > 100


def test_the_oddities_occur(made: tuple[Path, Truth, Found]) -> None:
    text = b"\n".join(made[2].texts.values())
    for odd in (
        b'"omitted":true', b"HIDDEN_DUE_TO_SECURITY_REASONS", b"9007199254740993", b'"Tagging":', b'"tagging":""',
        b'"bytesTransferredIn":0.0', b'"bytesTransferredIn":0,', "日本語".encode(), b'\\"quoted\\"', b"E-5",
        b'"additionalEventData":"{\\"protocol', b'"userAgent":"[', b'"reason":"DELIVERY_DELAY"',
        b'"reason":"UPDATED_DATA"', b'"sourceIdentity"', b'"onBehalfOf"', b'"inScopeOf"', b'"ec2RoleDelivery":"1.0"',
        b'"sessionCredentialFromConsole":"true"', b'"Tag":{"Value":true', b'"DescribeNatGatewaysRequest":""',
        b'"errorMessage":"Failed authentication"', b'"ARNPrefix"', b"2001:db8:", b'"vpcEndpointAccountId"',
    ):  # fmt: skip
        assert odd in text, odd


def test_null_and_absent_both_occur(made: tuple[Path, Truth, Found]) -> None:
    records = made[2].of("CloudTrail")
    assert any("requestParameters" in r and r["requestParameters"] is None for r in records)
    assert any("requestParameters" not in r for r in records)
    assert any(r.get("responseElements", "absent") == {} for r in records)


def test_broken_objects_are_exactly_those_of_the_truth(made: tuple[Path, Truth, Found]) -> None:
    _, truth, found = made
    broken = {refused.key: refused.reason for refused in truth.refused if refused.position is None}
    assert set(broken) == set(found.broken)
    assert set(broken.values()) == {"gzip_truncated", "empty_file", "gzip_crc", "not_gzip_json"}
    positions = [(refused.key, refused.position) for refused in truth.refused if refused.position is not None]
    assert positions == found.strings
    assert truth.total.corrupt_objects == 4


def test_a_wrong_checksum_has_sound_content(made: tuple[Path, Truth, Found]) -> None:
    folder, truth, _ = made
    key = next(refused.key for refused in truth.refused if refused.reason == "gzip_crc")
    content = zlib.decompressobj(-15).decompress((folder / key).read_bytes()[10:])
    assert json.loads(content)["Records"]


def test_late_files_say_so_in_each_record(made: tuple[Path, Truth, Found]) -> None:
    _, truth, found = made
    late = {key for key, record in found.records if record.get("addendum", {}).get("reason") == "DELIVERY_DELAY"}
    assert set(truth.late_objects) <= late
    assert truth.total.late_objects == len(truth.late_objects) > 0


def test_clean_has_nothing_broken_late_or_twice(clean: tuple[Truth, Found]) -> None:
    truth, found = clean
    assert not truth.refused and not truth.late_objects and not found.broken and not found.strings
    assert truth.total.duplicates == truth.total.redelivered_objects == 0
    assert len(found.of(*EVENT_KINDS)) == len(found.unique_events()) == truth.total.events


def test_labels_lie_after_events_as_observed(clean: tuple[Truth, Found]) -> None:
    minutes = sorted(
        (moment(LOG.match(key.rpartition("/")[2])["label"], "%Y%m%dT%H%MZ")  # type: ignore[index]
         - moment(record["eventTime"], "%Y-%m-%dT%H:%M:%SZ")) / 60
        for key, record in clean[1].records
        if "/CloudTrail/" in key
    )  # fmt: skip
    assert minutes[0] > 0 and minutes[-1] <= 9.9
    assert 3 < minutes[len(minutes) // 2] < 4
    assert 7 < minutes[len(minutes) * 99 // 100] < 9


def test_events_before_midnight_lie_in_tomorrows_folder(clean: tuple[Truth, Found]) -> None:
    assert any(
        record["eventTime"].replace("-", "/")[:10] < KEY.match(key)["date"]  # type: ignore[index]
        for key, record in clean[1].records
        if "/CloudTrail/" in key
    )


def test_records_in_a_file_are_unordered(clean: tuple[Truth, Found]) -> None:
    times: dict[str, list[str]] = {}
    for key, record in clean[1].records:
        if "/CloudTrail/" in key:
            times.setdefault(key, []).append(record["eventTime"])
    assert sum(sorted(of_file) != of_file for of_file in times.values()) > len(times) / 2


def test_an_average_record_has_a_believable_size(clean: tuple[Truth, Found]) -> None:
    found = clean[1]
    sizes = [len(text) for key, text in found.texts.items() if "/CloudTrail/" in key]
    assert 1200 < sum(sizes) / len(found.of("CloudTrail")) < 1550


def test_the_key_of_a_session_is_the_one_its_beginning_gave_out(clean: tuple[Truth, Found]) -> None:
    records = clean[1].of("CloudTrail")
    given: dict[str, str] = {}
    for record in records:
        if record["eventName"].startswith("AssumeRole") and record["responseElements"]:
            given[record["responseElements"]["credentials"]["accessKeyId"]] = record["eventTime"]
    used = [r for r in records if r["userIdentity"].get("accessKeyId") in given]
    assert len(used) > len(records) / 6
    assert all(r["eventTime"] >= given[r["userIdentity"]["accessKeyId"]] for r in used)


def test_a_session_has_one_address(clean: tuple[Truth, Found]) -> None:
    addresses: dict[str, set[str]] = {}
    for record in clean[1].of("CloudTrail"):
        key = record["userIdentity"].get("accessKeyId", "")
        if key.startswith("ASIA"):
            addresses.setdefault(key, set()).add(record["sourceIPAddress"])
    assert addresses and all(len(of_key) == 1 for of_key in addresses.values())


def test_twins_share_an_id_across_two_accounts(clean: tuple[Truth, Found]) -> None:
    shared: dict[str, list[dict[str, Any]]] = {}
    for record in clean[1].of("CloudTrail"):
        if "sharedEventID" in record:
            shared.setdefault(record["sharedEventID"], []).append(record)
    twins = [pair for pair in shared.values() if len(pair) == 2]
    assert {pair[0]["eventSource"].split(".")[0] for pair in twins} == {"sts", "s3", "kms"}
    for one, other in twins:
        assert one["recipientAccountId"] != other["recipientAccountId"]
        assert one["eventID"] != other["eventID"] and one["eventTime"] == other["eventTime"]
        assert {one["userIdentity"]["type"], other["userIdentity"]["type"]} == {"IAMUser", "AWSAccount"}


def test_insights_come_in_pairs_in_different_files(clean: tuple[Truth, Found]) -> None:
    states: dict[str, dict[str, str]] = {}
    for key, record in clean[1].records:
        if "insightDetails" in record:
            states.setdefault(record["sharedEventID"], {})[record["insightDetails"]["state"]] = key
    assert states
    assert all(set(pair) == {"Start", "End"} and pair["Start"] != pair["End"] for pair in states.values())


def test_the_story_can_be_found(made: tuple[Path, Truth, Found]) -> None:
    _, truth, found = made
    story = truth.answers.story
    assert story
    events = list(found.unique_events().values())
    (deleted,) = (r for r in events if r["eventName"] == "DeleteTrail")
    assert deleted["userIdentity"]["arn"] == story.trail_deleted_by
    assert deleted["userIdentity"]["accessKeyId"] == story.stolen_access_key
    assert deleted["eventTime"] == story.trail_deleted_at and deleted["sourceIPAddress"] == story.source_ip
    thefts = [r for r in events if r["sourceIPAddress"] == story.source_ip]
    assert min(r["eventTime"] for r in thefts) == story.first_use
    assert sum("errorCode" in r for r in thefts) == story.denied_calls
    gone = [r for r in thefts if r["eventName"] == "DeleteObject"]
    assert len(gone) == story.objects_deleted
    assert {r["userIdentity"]["accessKeyId"] for r in gone} == {story.created_access_key}
    usual = {r["sourceIPAddress"] for r in events
             if r["userIdentity"].get("accessKeyId") == story.stolen_access_key}  # fmt: skip
    assert len(usual) == 2


def test_no_account_key_or_address_is_anybodys(made: tuple[Path, Truth, Found]) -> None:
    text = b"\n".join(made[2].texts.values()).decode()
    known = {*SMALL.account_ids, "999988887777"}
    assert set(re.findall(r"arn:aws:[a-z0-9-]+:[a-z0-9-]*:(\d{12}):", text)) <= known
    assert set(re.findall(r'(?:accountId|recipientAccountId|ownerId)":"(\d{12})"', text)) <= known
    for key in set(re.findall(r'accessKeyId":"([^"]+)"', text)):
        assert re.fullmatch(r"(AKIA|ASIA)[A-Z0-9]{9}EXAMPLE", key)
    for principal in set(re.findall(r"\b(?:AIDA|AROA)[A-Z0-9]{10,}", text)):
        assert principal.endswith("EXAMPLE") and len(principal) == 21
    documentation = r"192\.0\.2\.\d+|198\.51\.100\.\d+|203\.0\.113\.\d+|2001:db8:[0-9a-f]+::[0-9a-f]+"
    for address in set(re.findall(r'sourceIPAddress":"([^"]+)"', text)):
        assert re.fullmatch(rf"{documentation}|[a-z0-9-]+\.amazonaws\.com|AWS Internal", address)


def test_the_same_recipe_makes_the_same_bytes(tmp_path: Path) -> None:
    recipe = Recipe(accounts=2, regions=2, days=1, events=1500)
    for name in ("one", "two"):
        make_bucket(tmp_path / name, recipe)
    assert fingerprint(tmp_path / "one") == fingerprint(tmp_path / "two")
    make_bucket(tmp_path / "three", Recipe(accounts=2, regions=2, days=1, events=1500, seed=2))
    assert fingerprint(tmp_path / "one") != fingerprint(tmp_path / "three")


@pytest.mark.parametrize("events", [0, 1, 7, 90])
def test_a_tiny_bucket_has_exactly_as_many_events(tmp_path: Path, events: int) -> None:
    truth = make_bucket(tmp_path, Recipe(accounts=1, regions=1, days=1, events=events))
    assert truth.total.events == events == len(read(tmp_path).unique_events())


def test_the_days_of_a_recipe_are_the_days_of_its_events(tmp_path: Path) -> None:
    truth = make_bucket(tmp_path, Recipe(accounts=2, regions=1, days=2, events=800, start=date(2024, 2, 28)))
    assert truth.total.first_event_time and truth.total.first_event_time.startswith("2024-02-28")
    assert truth.total.last_event_time and truth.total.last_event_time.startswith("2024-02-29")


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(UsageError, match="not empty"):
        make_bucket(tmp_path, Recipe(events=10))


@pytest.mark.parametrize("wrong", [{"regions": 99}, {"accounts": 0}, {"days": 0}, {"layout": "flat"}])
def test_an_impossible_recipe_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Recipe(**wrong)


def moment(text: str, form: str) -> float:
    return datetime.strptime(text, form).replace(tzinfo=UTC).timestamp()


def fingerprint(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }
