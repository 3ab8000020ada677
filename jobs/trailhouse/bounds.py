"""
Bounds: what [coverage], [doctor], [maintain] and [quality] of the settings may say, and what they say by default.

Values alone; how they are spelt is known to `forms`, where they come from to `settings`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from trailhouse.forms import doc


@dataclass(frozen=True, slots=True)
class Coverage:
    """What `trailhouse coverage` makes a finding of."""

    silent_after: timedelta = field(
        default=timedelta(days=1),
        metadata=doc(
            "A feed is silent when nothing came for so long: a day, since the quiet ones deliver once a night.",
            "duration",
        ),
    )
    silent_pauses: int = field(
        default=2, metadata=doc("And for so many times its own longest pause in the days before: regions rest.")
    )
    steady_percent: int = field(
        default=95,
        metadata=doc("An hour without delivery is a hole where so many in a hundred of the hours around have one."),
    )
    delivered_late_after: timedelta = field(
        default=timedelta(hours=1),
        metadata=doc("An object of a bucket is late when AWS put it so long after the time in its name.", "duration"),
    )
    ingested_late_after: timedelta = field(
        default=timedelta(hours=7),
        metadata=doc(
            "Or when it lay there for so long: more than `listing.lookback_every`, which finds late ones.", "duration"
        ),
    )
    pending_after: timedelta = field(
        default=timedelta(hours=1), metadata=doc("An object is a finding when it is pending for so long.", "duration")
    )
    history_days: int = field(
        default=30, metadata=doc("How many days tell a feed's rhythm; one that ended before them is taken for closed.")
    )


@dataclass(frozen=True, slots=True)
class Doctor:
    """What `trailhouse doctor` looks at, and what it takes for overdue."""

    roles: str = field(
        default="",
        metadata=doc(
            "How the names of roles and schedules begin, as `Name` of infra/lake.yaml (default: that of the database); "
            "`none` if they are not of that template."
        ),
    )
    ingest_within: timedelta = field(
        default=timedelta(hours=6),
        metadata=doc("Ingest is overdue when the newest batch was published so long ago.", "duration"),
    )
    maintain_within: timedelta = field(
        default=timedelta(days=2),
        metadata=doc("Maintain is overdue when a snapshot is so much older than it would have kept it.", "duration"),
    )


@dataclass(frozen=True, slots=True)
class Maintain:
    """What `trailhouse maintain` gathers, and how long it keeps what nothing needs any more."""

    target_bytes: int = field(
        default=256 * 2**20,
        metadata=doc("About how large the data files are that small ones are gathered into.", "bytes"),
    )
    small_percent: int = field(
        default=75, metadata=doc("A data file is small when it has less than so many in a hundred of that.")
    )
    min_files: int = field(default=2, metadata=doc("Fewest small files of a partition that are worth gathering."))
    commit_bytes: int = field(
        default=4 * 2**30, metadata=doc("Bytes gathered between two commits: what a kill can cost.", "bytes")
    )
    closed_after: timedelta = field(
        default=timedelta(days=2),
        metadata=doc("A day's partitions are gathered so long after the day's end.", "duration"),
    )
    quiet_for: timedelta = field(
        default=timedelta(hours=6), metadata=doc("And only when no file came to them for so long.", "duration")
    )
    snapshots_after: timedelta = field(
        default=timedelta(days=5), metadata=doc("A snapshot is expired when it is so old.", "duration")
    )
    snapshots_kept: int = field(
        default=20, metadata=doc("But never the newest so many of what readers see, nor one that a reference needs.")
    )
    metadata_kept: int = field(
        default=10, metadata=doc("How many metadata files a table keeps; what any of them refers to is kept as well.")
    )
    orphans_after: timedelta = field(
        default=timedelta(days=3),
        metadata=doc(
            "A file that nothing refers to is deleted when it is so old: longer than the longest run. "
            "Less than 24h wants `--allow-young` as well.",
            "duration",
        ),
    )
    pages_after: timedelta = field(
        default=timedelta(days=90),
        metadata=doc("Plans and Data Docs of settled batches are deleted when they are so old.", "duration"),
    )


@dataclass(frozen=True, slots=True)
class Quality:
    """What the gate judges a batch by, besides what the tables' own schemas say."""

    expectations: str = field(
        default="", metadata=doc("A file with expectations of your own (see docs/quality.md).", "place")
    )
    volume_factor: int = field(
        default=10, metadata=doc("Warn when a day has so many times more or fewer rows than the week before it.")
    )
    error_points: int = field(
        default=20, metadata=doc("Warn when a day's share of errors is so many points from the week before it.")
    )
    quarantined_percent: int = field(
        default=1, metadata=doc("Warn when more of a batch's records than so many in a hundred are quarantined.")
    )
    audit_timeout: timedelta = field(
        default=timedelta(minutes=5), metadata=doc("How long judging may take; then the batch is held.", "duration")
    )
