"""Keys: every layout that AWS writes, everything else by its class, and both directions inverse."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailhouse.sources.keys import (
    LOG_KINDS,
    LogKey,
    Skipped,
    day_folder,
    folder_role,
    format_key,
    parse_digest_key,
    parse_flat,
    parse_key,
    prefix_of,
)

ACCOUNT, ORG, DAY = "111122223333", "o-abcdefghij", date(2026, 11, 21)


def name(kind: str = "CloudTrail", region: str = "us-east-1") -> str:
    return f"{ACCOUNT}_{kind}_{region}_20261121T0005Z_AbCdEfGh12345678.json.gz"


def key(head: str = "AWSLogs/", kind: str = "CloudTrail", region: str = "us-east-1", day: str = "2026/11/21") -> str:
    return f"{head}{ACCOUNT}/{kind}/{region}/{day}/{name(kind, region)}"


@pytest.mark.parametrize(
    ("head", "prefix", "org"),
    [
        ("AWSLogs/", "", ""),
        (f"AWSLogs/{ORG}/", "", ORG),
        ("a/b/c/AWSLogs/", "a/b/c/", ""),
        (f"{ORG}/AWSLogs/", f"{ORG}/", ""),  # Control Tower before landing zone 3.0
        (f"{ORG}/AWSLogs/{ORG}/", f"{ORG}/", ORG),  # and since
        ("logs//AWSLogs/", "logs//", ""),  # a trail's prefix that ends in a slash
        ("AWSLogs/AWSLogs/", "AWSLogs/", ""),
        (
            f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2020/01/01/AWSLogs/",
            f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2020/01/01/",
            "",
        ),
        ("../..%2F +#?ü\u202e/AWSLogs/", "../..%2F +#?ü\u202e/", ""),
    ],
)
def test_every_layout_is_read_and_written_back(head: str, prefix: str, org: str) -> None:
    log = parse_key(key(head))
    assert log == LogKey(prefix, org, ACCOUNT, "CloudTrail", "us-east-1", DAY, name())
    assert format_key(log) == key(head)
    assert prefix_of(log) == f"{head}{ACCOUNT}/CloudTrail/us-east-1/"
    assert day_folder(log) == f"{head}{ACCOUNT}/CloudTrail/us-east-1/2026/11/21/"


@pytest.mark.parametrize(
    "region",
    ["us-east-1", "ap-southeast-7", "us-gov-west-1", "cn-northwest-1", "eusc-de-east-1", "us-iso-east-1", "us-isob-east-1",
     "eu-isoe-west-1", "us-isof-south-1", "mx-central-1"],
)  # fmt: skip
def test_regions_of_every_partition_are_read(region: str) -> None:
    log = parse_key(key(region=region))
    assert isinstance(log, LogKey)
    assert log.region == region


@pytest.mark.parametrize("kind", LOG_KINDS)
def test_the_kind_is_the_folders_and_not_the_names(kind: str) -> None:
    folder = key(kind=kind).rpartition("/")[0]
    for file in (name("CloudTrail"), name("CloudTrail-Digest"), name("CloudTrail-Insight"), "anything.json"):
        log = parse_key(f"{folder}/{file}")
        assert isinstance(log, LogKey)
        assert (log.kind, log.file) == (kind, file)


LAKE = f"AWSLogs/{ACCOUNT}/CloudTrail-Lake/Query/2026/11/21/0123-4567/result_1.csv.gz"


@pytest.mark.parametrize(
    ("skipped", "reason"),
    [
        (key()[: -len(name())], "folder"),
        ("AWSLogs/", "folder"),
        (key(kind="CloudTrail-Digest"), "digest"),
        (key(kind="CloudTrail-Digest").replace("_CloudTrail-Digest_", "_CloudTrail_"), "digest"),
        (f"AWSLogs/{ACCOUNT}/Config/us-east-1/2020/8/31/ConfigSnapshot/x.json.gz", "foreign"),
        (f"{ORG}/AWSLogs/{ORG}/{ACCOUNT}/Config/us-east-1/2020/8/31/x.json.gz", "foreign"),
        (f"AWSLogs/{ACCOUNT}/Config/ConfigWritabilityCheckFile", "foreign"),
        (f"AWSLogs/{ACCOUNT}/elasticloadbalancing/us-east-1/2026/11/21/x.log.gz", "foreign"),
        (f"AWSLogs/{ACCOUNT}/vpcflowlogs/us-east-1/2026/11/21/x_CloudTrail_x.log.gz", "foreign"),
        (f"AWSLogs/aws-account-id={ACCOUNT}/aws-service=vpcflowlogs/aws-region=us-east-1/x.gz", "foreign"),
        (LAKE, "foreign"),
        (key(kind="CloudTrail-Future"), "unknown_name"),  # a kind that is too new must not look harmless
        (key(day="2026/02/30"), "unknown_name"),
        (key(day="2026/13/01"), "unknown_name"),
        (key(day="0000/01/01"), "unknown_name"),
        (key(day="2026/2/3"), "unknown_name"),
        (key(day="２０２６/11/21"), "unknown_name"),
        (key().replace(ACCOUNT, "1111"), "unknown_name"),
        (key(region="somewhere"), "unknown_name"),
        (key("xAWSLogs/"), "unknown_name"),
        (key("awslogs/"), "unknown_name"),
        (key("AWSLogs/o-SHOUTING12/"), "unknown_name"),
        (key("AWSLogs//"), "unknown_name"),
        (key() + "\n", "unknown_name"),
        (key("a\nb/AWSLogs/"), "unknown_name"),
        (key() + "\x00", "unknown_name"),
        (key() + "\ud800", "unknown_name"),
        (key().replace("/2026/", "%2F2026%2F"), "unknown_name"),
        (key() + "/more", "unknown_name"),
        ("truth.json", "unknown_name"),
        ("README.md", "unknown_name"),
        (name(), "unknown_name"),
        ("", "unknown_name"),
    ],
)
def test_all_else_has_exactly_one_class(skipped: str, reason: str) -> None:
    assert parse_key(skipped) == Skipped(reason)  # type: ignore[arg-type]


def test_digest_keys_are_read_by_their_own_door() -> None:
    log = parse_digest_key(key(kind="CloudTrail-Digest"))
    assert log is not None
    assert (log.kind, log.day) == ("CloudTrail-Digest", DAY)
    assert parse_digest_key(key()) is None


PARTS = st.builds(
    LogKey,
    prefix=st.lists(
        st.text(st.characters(exclude_characters="/", exclude_categories=["Cc", "Cs", "Zl", "Zp"])), max_size=4
    )
    .map(lambda parts: "".join(f"{part}/" for part in parts))
    .filter(lambda prefix: prefix != "/"),  # AWS's grammar has no empty prefix before the slash
    org=st.one_of(st.just(""), st.from_regex(r"o-[a-z0-9]{10,32}", fullmatch=True)),
    account_id=st.from_regex(r"[0-9]{12}", fullmatch=True),
    kind=st.sampled_from(LOG_KINDS),
    region=st.from_regex(r"[a-z]{2,4}(-[a-z]{1,9}){1,3}-[0-9]{1,2}", fullmatch=True),
    day=st.dates(),
    file=st.text(st.characters(exclude_characters="/", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1).filter(
        lambda name: name not in {".", ".."}
    ),
)


@given(PARTS)
def test_parse_undoes_format(log: LogKey) -> None:
    assert parse_key(format_key(log)) == log


@given(st.one_of(st.text(), st.lists(st.sampled_from(["AWSLogs", ORG, ACCOUNT, "CloudTrail", "us-east-1", "2026", "11", "", "x"]))
                 .map("/".join)))  # fmt: skip
def test_any_text_has_an_answer_and_format_undoes_parse(text: str) -> None:
    log = parse_key(text)
    assert isinstance(log, Skipped) or format_key(log) == text
    assert isinstance(parse_flat(text), LogKey | Skipped)


@pytest.mark.parametrize("kind", LOG_KINDS)
@pytest.mark.parametrize("folder", ["", "evidence/case 7/"])
def test_a_flat_folder_is_read_by_file_names(kind: str, folder: str) -> None:
    expected = LogKey(folder, "", ACCOUNT, kind, "us-gov-west-1", DAY, name(kind, "us-gov-west-1"))
    assert parse_flat(folder + name(kind, "us-gov-west-1")) == expected


def test_a_flat_folder_may_hold_inflated_files() -> None:
    assert isinstance(parse_flat(name().removesuffix(".gz")), LogKey)


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("a/", "folder"),
        (f"{ACCOUNT}_CloudTrail-Digest_us-east-1_my_trail_eu-west-1_20261121T000500Z.json.gz", "digest"),
        (f"{ACCOUNT}_CloudTrail-Digest_us-east-1_t1_eu-west-1_20261121T000500Z_backfill.json.gz", "digest"),
        (name().replace("20261121", "20261199"), "unknown_name"),
        (name("CloudTrail-Future"), "unknown_name"),
        ("truth.json", "unknown_name"),
    ],
)
def test_a_flat_folder_skips_the_rest_by_class(file: str, reason: str) -> None:
    assert parse_flat(file) == Skipped(reason)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "role"),
    [
        ("", "walk"),
        ("a/b/", "walk"),
        ("AWSLogs/", "walk"),
        (f"AWSLogs/{ORG}/", "walk"),
        (f"x/AWSLogs/{ORG}/{ACCOUNT}/", "walk"),
        (f"AWSLogs/{ACCOUNT}/CloudTrail/", "walk"),
        (f"AWSLogs/{ACCOUNT}/CloudTrail-Insight/", "walk"),
        (f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/", "feed"),
        (f"AWSLogs/{ORG}/{ACCOUNT}/CloudTrail-Insight/us-east-1/", "feed"),
        (f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2026/", "stop"),
        (f"AWSLogs/{ACCOUNT}/CloudTrail/nowhere/", "stop"),
        (f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/", "stop"),
        (f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/us-east-1/", "stop"),
        (f"AWSLogs/{ACCOUNT}/CloudTrail-Lake/", "stop"),
        (f"AWSLogs/{ACCOUNT}/Config/", "stop"),
        (f"AWSLogs/aws-account-id={ACCOUNT}/", "stop"),
    ],
)
def test_the_search_for_feeds_goes_only_where_feeds_can_be(path: str, role: str) -> None:
    assert folder_role(path) == role
