"""
What was delivered hour by hour and what became of it; what of it is a finding, and what must not be one.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.buckets import ABROAD, ACCOUNT, OTHER, REGION, Bucket, event
from tests.children import ended, forked_from
from tests.ingest.contents import Contents, ingest
from tests.upkeep.deliveries import BEGAN, FOLDER, HOUR, MINUTE, Feed, Ledger, said, without_an_hour
from trailhouse import settings
from trailhouse.errors import UsageError
from trailhouse.lake import catalog
from trailhouse.upkeep import accounts, coverage
from trailhouse.upkeep.accounts import Account

DAY = timedelta(days=1)
WEEK = range(168)
NOW = BEGAN + 168 * HOUR


@pytest.fixture
def ledger(lake) -> Ledger:
    return Ledger(lake)


def of(report, **wanted) -> list[dict]:
    return [row for row in report.rows.to_pylist() if all(row[name] == value for name, value in wanted.items())]


# ── holes ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_hour_taken_out_of_a_feed_is_found_and_nothing_else(ledger):
    ledger.hours(Feed(), [h for h in WEEK if h != 50])
    ledger.hours(Feed(OTHER), WEEK)
    ledger.hours(Feed(OTHER, ABROAD), range(0, 168, 30))
    report = ledger.report(NOW, days=8)
    assert said(report) == [("hole", ACCOUNT, REGION)]
    (finding,) = report.findings
    assert (finding.since, finding.until) == (BEGAN + 50 * HOUR, BEGAN + 51 * HOUR)
    (row,) = of(report, state="hole")
    assert (row["account_id"], row["day"], row["hour"], row["objects"]) == (ACCOUNT, date(2026, 3, 4), 2, 0)


def test_an_hour_of_files_taken_out_of_a_folder_is_found_and_nothing_else(lake, tmp_path):
    made = without_an_hour()
    ingest(lake, made.save(tmp_path / "logs"))
    report = coverage.report(catalog.open_lake(lake), coverage.Asked(datetime.now(UTC)), settings.Coverage())
    assert said(report) == [("hole", OTHER, REGION)]
    assert Counter(row["state"] for row in report.rows.to_pylist()) == {"full": 143, "hole": 1}
    assert report.until == date(2026, 3, 4)


@pytest.mark.parametrize("hours", [range(50, 51), range(50, 53), range(50, 80)], ids=["1 h", "3 h", "30 h"])
def test_a_hole_of_any_length_is_one_finding(ledger, hours):
    ledger.hours(Feed(), [h for h in range(24 * 7) if h not in hours])
    report = ledger.report(NOW)
    assert said(report) == [("hole", ACCOUNT, REGION)]
    assert len(of(report, state="hole")) == len(hours)


RESTING = {
    "sparse": range(0, 24 * 21, 7),
    "sparse, and once for longer": [h for h in range(0, 24 * 21, 3) if not 200 < h < 220],
    "unsteady, and once for longer": [h for h in range(24 * 21) if h * 7919 % 101 < 70 and not 200 <= h < 210],
    "irregular": [h for h in range(24 * 21) if h * h % 17 < 6],
    "every night": [h for h in range(24 * 21) if h % 24 not in (2, 3)],
    "one hour a night": [h for h in range(24 * 21) if h % 24 != 4],
    "every weekend": [h for h in range(24 * 21) if h // 24 % 7 < 5],
    "every day at noon": range(12, 24 * 21, 24),
    "once a week": range(12, 24 * 28, 168),
    "often by itself": [h for h in range(24 * 21) if h % 31 != 5],
    "new": range(5),
    "once": [30],
}


@pytest.mark.parametrize("hours", RESTING.values(), ids=RESTING)
def test_a_feed_that_rests_has_no_hole_and_is_not_silent(ledger, hours):
    ledger.hours(Feed(OTHER), range(24 * 28))
    ledger.hours(Feed(), hours)
    now = BEGAN + (max(hours) + 20) * HOUR
    assert said(ledger.report(now, days=28)) == []


def test_the_second_weekend_of_a_feed_is_no_hole(ledger):
    ledger.hours(Feed(), [h for h in range(24 * 15) if h // 24 % 7 < 5])
    assert said(ledger.report(BEGAN + 15 * DAY, days=8)) == []


def test_a_feed_that_began_to_rest_at_night_has_no_hole(ledger):
    nights = {24 * day + 3 for day in (20, 21)}
    ledger.hours(Feed(), [h for h in range(24 * 23) if h not in nights])
    assert said(ledger.report(BEGAN + 23 * DAY)) == []


# ── silence ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_feed_that_stops_is_silent_since_its_last_delivery(ledger):
    ledger.hours(Feed(), WEEK)
    ledger.hours(Feed(OTHER), range(100))
    report = ledger.report(NOW)
    assert said(report) == [("silent", OTHER, REGION)]
    assert report.findings[0].since == BEGAN + 99 * HOUR + 5 * MINUTE
    hours = [(row["day"], row["hour"]) for row in of(report, state="silent")]
    assert len(hours) == 68 and min(hours) == (date(2026, 3, 6), 4)


def test_a_feed_that_stops_is_not_silent_before_the_bound(ledger):
    ledger.hours(Feed(), range(100))
    assert said(ledger.report(BEGAN + 122 * HOUR)) == []
    assert said(ledger.report(BEGAN + 124 * HOUR)) == [("silent", ACCOUNT, REGION)]
    longer = settings.Coverage(silent_after=2 * DAY)
    assert said(ledger.report(BEGAN + 124 * HOUR, longer)) == []


def test_a_feed_that_rests_is_silent_after_twice_its_longest_rest(ledger):
    ledger.hours(Feed(), [h for h in range(24 * 19) if h // 24 % 7 < 5])
    friday = BEGAN + 24 * 19 * HOUR
    assert said(ledger.report(friday + 4 * DAY)) == []
    assert said(ledger.report(friday + 5 * DAY)) == [("silent", ACCOUNT, REGION)]


def test_insights_have_no_rhythm(ledger):
    ledger.hours(Feed(), range(24 * 20))
    ledger.hours(Feed(kind="CloudTrail-Insight"), [h for h in range(24 * 10) if h != 50])
    report = ledger.report(BEGAN + 20 * DAY, days=21)
    assert said(report) == [] and len(of(report, kind="CloudTrail-Insight")) == 239


def test_an_episode_is_no_rhythm(ledger):
    ledger.hours(Feed(), range(30))
    assert said(ledger.report(BEGAN + 20 * DAY)) == []


def test_a_feed_that_ended_before_the_history_is_taken_for_closed(ledger):
    ledger.hours(Feed(OTHER), range(24 * 5))
    ledger.hours(Feed(), range(24 * 40))
    assert said(ledger.report(BEGAN + 31 * DAY)) == [("silent", OTHER, REGION)]
    assert said(ledger.report(BEGAN + 36 * DAY)) == []


def test_where_all_feeds_stop_it_is_the_source_however_long_ago(ledger):
    for account in (ACCOUNT, OTHER):
        ledger.hours(Feed(account), WEEK)
    for later in (3 * DAY, 300 * DAY):
        assert said(ledger.report(NOW + later)) == [("silent", "", "")]


def test_a_folder_is_seen_from_its_own_end(ledger):
    ledger.hours(Feed(source=FOLDER), WEEK)
    ledger.hours(Feed(region=ABROAD, source=FOLDER), range(158))
    ledger.hours(Feed(OTHER, source=FOLDER), range(100))
    report = ledger.report(NOW + 1000 * DAY)
    assert said(report) == [("silent", OTHER, REGION)]
    assert report.until == date(2026, 3, 8)
    seen_from = (BEGAN + 101 * HOUR).replace(tzinfo=UTC)
    assert said(ledger.report(NOW + 1000 * DAY, as_of=seen_from)) == []


def test_a_late_file_in_a_folder_makes_no_other_feed_look_silent(ledger):
    for number in range(6):
        ledger.hours(Feed(f"11112222333{number}", source=FOLDER), WEEK)
    ledger.hours(Feed("111122223330", source=FOLDER), [300])
    assert said(ledger.report(NOW + 1000 * DAY)) == []


def test_an_object_planted_in_another_year_changes_nothing(ledger):
    ledger.hours(Feed(), range(100))
    ledger.add(Feed(), datetime(2099, 1, 1))
    ledger.add(Feed(source=FOLDER), datetime(2099, 1, 1))
    assert said(ledger.report(NOW)) == [("silent", ACCOUNT, REGION)]


def test_an_object_planted_for_later_today_hides_no_silence(ledger):
    ledger.hours(Feed(), range(100))
    ledger.add(Feed(), NOW + 5 * HOUR)
    assert said(ledger.report(NOW + HOUR)) == [("silent", ACCOUNT, REGION)]


def test_an_account_that_is_named_and_never_delivered_is_absent(ledger, lake):
    ledger.hours(Feed(), WEEK)
    accounts.keep(lake, [Account(ACCOUNT), Account(OTHER)], NOW, dry_run=False)
    report = ledger.report(NOW)
    assert said(report) == [("absent", OTHER, "")]
    assert said(report.only(region=ABROAD)) == [("absent", OTHER, "")] and said(report.only(account=ACCOUNT)) == []


# ── late, pending, quarantined, held ─────────────────────────────────────────────────────────────────────────────────


def test_an_object_that_aws_delivered_late_is_found(ledger):
    ledger.hours(Feed(), WEEK)
    when = BEGAN + 50 * HOUR
    ledger.add(Feed(), when, modified=when + 2 * HOUR)
    report = ledger.report(NOW)
    assert said(report) == [("late", ACCOUNT, REGION)] and "delivered late, by up to 2 h:" in report.findings[0].said
    (row,) = of(report, state="late")
    assert (row["delivered_late"], row["objects"]) == (7200, 2)
    assert said(ledger.report(NOW, settings.Coverage(delivered_late_after=3 * HOUR))) == []


def test_an_object_that_lay_there_too_long_is_found(ledger):
    ledger.hours(Feed(), WEEK)
    when = BEGAN + 50 * HOUR
    ledger.add(Feed(), when, settled_at=when + 9 * HOUR)
    report = ledger.report(NOW)
    assert (
        said(report) == [("late", ACCOUNT, REGION)] and "ingested late, by up to 8 h 59 min" in report.findings[0].said
    )


def test_what_was_there_before_the_source_was_first_read_is_not_late(ledger):
    ledger.hours(Feed(), WEEK, settled_at=NOW)
    assert said(ledger.report(NOW)) == []


def test_times_of_a_folder_are_the_copying_s(ledger):
    ledger.hours(Feed(source=FOLDER), WEEK, modified=NOW)
    ledger.add(Feed(source=FOLDER), BEGAN, settled_at=BEGAN + MINUTE)
    assert said(ledger.report(NOW)) == []


def test_what_is_pending_counts_and_is_found_after_the_bound(ledger):
    ledger.hours(Feed(), WEEK)
    when = BEGAN + 50 * HOUR
    ledger.wait(Feed(), when, since=NOW - 30 * MINUTE)
    assert said(ledger.report(NOW)) == []
    report = ledger.report(NOW + HOUR)
    assert said(report) == [("pending", ACCOUNT, REGION)] and "access" in report.findings[0].said
    (row,) = of(report, state="pending")
    assert (row["objects"], row["ingested"], row["pending"], row["hour"]) == (2, 1, 1, 2)


@pytest.mark.parametrize("state", ["quarantined", "held"])
def test_what_is_quarantined_or_held_counts_and_is_found(ledger, state):
    ledger.hours(Feed(), WEEK)
    ledger.add(Feed(), BEGAN + 50 * HOUR, state=state, records=0)
    report = ledger.report(NOW)
    assert said(report) == [(state, ACCOUNT, REGION)]
    (row,) = of(report, state=state)
    assert (row["objects"], row["ingested"], row[state], row["records"]) == (2, 1, 1, 10)


# ── the rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_object_of_the_days_is_counted_once(ledger):
    feed = Feed()
    ledger.hours(feed, WEEK)
    ledger.add(feed, BEGAN + HOUR, state="quarantined")
    ledger.add(feed, BEGAN + HOUR, key="AWSLogs/named-otherwise.json")
    ledger.add(feed, BEGAN + HOUR, key=feed.key(BEGAN + 9 * DAY))  # its folder belies the name
    midnight = BEGAN + 2 * DAY
    ledger.add(feed, midnight, key_day=date(2026, 3, 3))  # in the folder of the day before
    report = ledger.report(NOW, days=8)
    sums = {name: sum(row[name] for row in report.rows.to_pylist()) for name in report.rows.column_names[7:13]}
    assert sums == {"objects": 172, "ingested": 171, "quarantined": 1, "held": 0, "pending": 0, "records": 1720}
    (untimed,) = of(report, hour=None)
    assert (untimed["day"], untimed["objects"], untimed["first_delivered"]) == (date(2026, 3, 2), 2, None)
    (there,) = of(report, day=date(2026, 3, 4), hour=0)
    assert there["objects"] == 2


def test_files_of_midnight_count_for_the_day_in_their_name(ledger):
    third = BEGAN + DAY
    ledger.add(Feed(), third, key_day=date(2026, 3, 2))
    ledger.add(Feed(), third + 23 * HOUR, key_day=date(2026, 3, 4))
    report = ledger.report(third + DAY, since=date(2026, 3, 3), until=date(2026, 3, 3))
    assert [(row["day"].day, row["hour"]) for row in report.rows.to_pylist()] == [(3, 0), (3, 23)]


def test_days_at_the_edge_are_whole(ledger):
    ledger.hours(Feed(), range(24 * 25))
    report = ledger.report(BEGAN + 25 * DAY, since=date(2026, 3, 5), until=date(2026, 3, 20))
    assert Counter(row["day"] for row in report.rows.to_pylist()) == {date(2026, 3, day): 24 for day in range(5, 21)}


def test_days_that_are_kept_again_are_there_once(ledger, lake):
    def kept() -> tuple[int, int]:
        contents = Contents(lake)
        return len(contents.rows("coverage")), len(contents.history("coverage"))

    ledger.hours(Feed(), range(72))
    assert coverage.store(lake, ledger.report(BEGAN + 3 * DAY))
    first = kept()
    assert not coverage.store(lake, ledger.report(BEGAN + 3 * DAY)) and kept() == first
    ledger.hours(Feed(OTHER), range(24, 72))
    assert coverage.store(lake, ledger.report(BEGAN + 3 * DAY, since=date(2026, 3, 4)))
    rows = Contents(lake).rows("coverage")
    assert Counter((row["account_id"], row["day"].day) for row in rows) == {
        **{(ACCOUNT, day): 24 for day in (2, 3, 4)},
        (OTHER, 4): 24,
    }


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_its_commit_it_is_kept_whole_or_not_and_once_by_the_next(ledger, lake, tmp_path, when):
    from tests.faults import doomed

    ledger.hours(Feed(source=FOLDER), range(72))
    report = ledger.report(BEGAN + 3 * DAY)
    job = doomed.Job(("coverage", "--lake", lake.location), tmp_path / "told", fault=f"pointer_swapped:1:{when}")
    with forked_from("tests.faults.doomed") as children:
        child = children.Process(target=doomed.run, args=(job,))
        child.start()
        assert ended(child) == -9
    assert len(Contents(lake).rows("coverage")) == (0 if when == "before" else report.rows.num_rows)
    assert coverage.store(lake, report) is (when == "before")
    assert len(Contents(lake).rows("coverage")) == report.rows.num_rows == 72


def test_only_an_account_or_a_region(ledger):
    ledger.hours(Feed(), [h for h in WEEK if h != 50])
    ledger.hours(Feed(region=ABROAD), WEEK)
    ledger.hours(Feed(OTHER), [h for h in WEEK if h != 60])
    report = ledger.report(NOW)
    assert said(report.only(account=OTHER)) == [("hole", OTHER, REGION)]
    assert said(report.only(account=ACCOUNT, region=ABROAD)) == []
    assert {row["region"] for row in report.only(region=ABROAD).rows.to_pylist()} == {ABROAD}


def test_nothing_is_asked_of_a_lake_without_deliveries(ledger):
    report = ledger.report(NOW)
    assert (report.rows.num_rows, report.findings) == (0, ())


def test_days_that_end_before_they_begin_are_refused(ledger):
    with pytest.raises(UsageError, match="--since"):
        ledger.report(NOW, since=date(2026, 3, 5), until=date(2026, 3, 4))


def test_a_lake_older_than_the_tables_is_covered_and_kept(ledger, lake):
    ledger.hours(Feed(), WEEK)
    report = ledger.report(NOW)
    for name in ("coverage", "pending", "accounts"):
        ledger.lake.catalog.drop_table(ledger.lake.name(name))
    assert ledger.report(NOW).rows.equals(report.rows)
    assert coverage.store(lake, report)
    assert len(Contents(lake).rows("coverage")) == report.rows.num_rows


# ── a real bucket ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_of_a_bucket_the_hole_is_found_and_in_time_the_silence(s3, bucket, lake):
    """Put all at once now, so that AWS would be late with every object; the times are the server's own."""
    now = datetime.now(UTC)
    began = now.replace(minute=5, second=0, microsecond=0, tzinfo=None) - 80 * HOUR
    made = Bucket()
    for hour in [h for h in range(80) if h != 50]:
        when = began + hour * HOUR
        made.put(Feed().key(when), event(hour % 60, eventTime=f"{when:%Y-%m-%dT%H:%M:00Z}"))
    made.upload(s3.client(), bucket)
    ingest(lake, f"s3://{bucket}")
    opened, patient = catalog.open_lake(lake), settings.Coverage(delivered_late_after=30 * DAY)
    assert said(coverage.report(opened, coverage.Asked(now), patient)) == [("hole", ACCOUNT, REGION)]
    assert [what for what, *_ in said(coverage.report(opened, coverage.Asked(now), settings.Coverage()))] == [
        "hole",
        "late",
    ]
    later = coverage.report(opened, coverage.Asked(now + 2 * DAY), patient)
    assert [what for what, *_ in said(later)] == ["silent", "hole"]
