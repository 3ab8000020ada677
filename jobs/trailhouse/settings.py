"""
Settings: one strict TOML file, the command line over it, and defaults below.

The only reader of the environment. Knows what can be set, in which form, and which value wins (command line, file,
default). Knows nothing of what the values are used for. Credentials have no place here: AWS's own configuration
(profiles, roles, `AWS_…` variables) is read by the AWS SDKs themselves.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from trailhouse import forms
from trailhouse.bounds import Coverage as Coverage
from trailhouse.bounds import Doctor as Doctor
from trailhouse.bounds import Maintain as Maintain
from trailhouse.bounds import Quality as Quality
from trailhouse.config_file import CONFIG_FILE as CONFIG_FILE
from trailhouse.config_file import CONFIG_VARIABLE as CONFIG_VARIABLE
from trailhouse.config_file import File, found, parsed
from trailhouse.errors import SettingsError
from trailhouse.forms import doc as _doc
from trailhouse.limits import Limits
from trailhouse.scheduling import PATTERNS, Airflow

PLAIN_HTTP_VARIABLE = "TRAILHOUSE_PLAIN_HTTP"  # beside AWS_ENDPOINT_URL…, which it is about
FAULT_VARIABLE = "TRAILHOUSE_FAULT"  # for tests alone: see `faults`

Override = str | int | Sequence[str]


@dataclass(frozen=True, slots=True)
class Lake:
    """Where the tables are."""

    location: str = field(default="", metadata=_doc("Where the lake lies: a folder, or s3://bucket/prefix.", "place"))
    catalog: Literal["sqlite", "glue", "rest"] = field(default="sqlite", metadata=_doc("Which Iceberg catalog."))
    catalog_name: str = field(default="trailhouse", metadata=_doc("Name of the catalog in SQL."))
    catalog_uri: str = field(
        default="",
        metadata=_doc(
            "The REST catalog's address, or the SQLite file (default: catalog.sqlite in the lake's folder).", "place"
        ),
    )
    database: str = field(default="trailhouse", metadata=_doc("Database of the tables that people query."))
    ops_database: str = field(default="trailhouse_ops", metadata=_doc("Database of the bookkeeping tables."))
    partition: Literal["account", "bucket"] = field(
        default="account",
        metadata=_doc(
            "How tables are partitioned when the lake is made: by account, or, for thousands of them, hashed."
        ),
    )
    buckets: int = field(default=64, metadata=_doc("Number of buckets when `lake.partition` is bucket."))
    kms_key: str = field(
        default="",
        metadata=_doc(
            "KMS key (ARN or alias) that each object of a lake in S3 is encrypted with; empty: as its bucket does."
        ),
    )


@dataclass(frozen=True, slots=True)
class Source:
    """A place that CloudTrail's files are read from."""

    url: str = field(default="", metadata=_doc("A folder, or s3://bucket/prefix.", "place"))
    name: str = field(default="", metadata=_doc("A short name, for the command line and for messages."))
    role_arn: str = field(default="", metadata=_doc("Role to assume for reading."))
    external_id: str = field(default="", metadata=_doc("External id that the role's trust policy asks for."))
    expected_owner: str = field(
        default="", metadata=_doc("Account that must own the bucket; another's is refused by S3.")
    )
    layout: Literal["aws", "flat"] = field(
        default="aws",
        metadata=_doc("`aws`: the AWSLogs/… tree. `flat`: log files in any folders, told by their names."),
    )
    region: str = field(default="", metadata=_doc("The bucket's region, when it isn't the default one."))
    copy_of: str = field(
        default="",
        metadata=_doc("Bucket that this place is a copy of, such as a replica: the one that its digest files name."),
    )
    live: bool = field(
        default=False,
        metadata=_doc("Whether CloudTrail delivers here now: then digests must reach up to two hours before now."),
    )


@dataclass(frozen=True, slots=True)
class Batch:
    """How much is done at once."""

    objects: int = field(default=20_000, metadata=_doc("Most objects in a batch."))
    bytes: int = field(default=2 * 2**30, metadata=_doc("Most stored bytes in a batch.", "bytes"))
    task_bytes: int = field(default=8 * 2**20, metadata=_doc("Stored bytes that one task reads.", "bytes"))
    fetch_threads: int = field(default=8, metadata=_doc("Objects read at once by one task."))


@dataclass(frozen=True, slots=True)
class Listing:
    """How often older folders are listed again. Today's are listed every run."""

    yesterday_every: timedelta = field(
        default=timedelta(hours=1), metadata=_doc("How often yesterday's folders are listed.", "duration")
    )
    lookback_days: int = field(default=7, metadata=_doc("How many days the look-back for late files covers."))
    lookback_every: timedelta = field(
        default=timedelta(hours=6), metadata=_doc("How often the look-back runs.", "duration")
    )
    reconcile_every: timedelta = field(
        default=timedelta(days=7), metadata=_doc("How often everything is listed, from the first day on.", "duration")
    )
    discover_every: timedelta = field(
        default=timedelta(hours=1),
        metadata=_doc("How often new accounts, regions and kinds are looked for.", "duration"),
    )


@dataclass(frozen=True, slots=True)
class Athena:
    """Where the lake is asked in AWS: the work group that `publish` makes, and what it enforces."""

    work_group: str = field(
        default="trailhouse", metadata=_doc("Name of the work group; each lake wants one of its own.")
    )
    output: str = field(
        default="",
        metadata=_doc(
            "Where results go, s3://bucket/prefix (default: athena-results/ in the bucket of the lake).", "place"
        ),
    )
    kms_key: str = field(
        default="", metadata=_doc("KMS key that results are encrypted with (default: S3's own encryption).")
    )
    scan_limit: int = field(
        default=100 * 2**30, metadata=_doc("Most bytes that one query may read; it is cancelled then.", "bytes")
    )
    timeout: timedelta = field(default=timedelta(minutes=30), metadata=_doc("When a query is cancelled.", "duration"))


@dataclass(frozen=True, slots=True)
class Spark:
    """The Spark session, where spark-submit has not set it already."""

    # Without the 4, a local session gives up at the first worker that is lost.
    master: str = field(default="local[*,4]", metadata=_doc("Spark master."))
    driver_memory: str = field(default="1g", metadata=_doc("Memory of the driver, in Spark's own form.", "memory"))
    job_timeout: timedelta = field(default=timedelta(hours=6), metadata=_doc("When a job is given up.", "duration"))


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set."""

    lake: Lake = Lake()
    sources: tuple[Source, ...] = ()
    batch: Batch = Batch()
    limits: Limits = field(default_factory=Limits)
    listing: Listing = Listing()
    quality: Quality = field(default_factory=Quality)
    coverage: Coverage = field(default_factory=Coverage)
    doctor: Doctor = field(default_factory=Doctor)
    maintain: Maintain = field(default_factory=Maintain)
    athena: Athena = Athena()
    spark: Spark = Spark()
    airflow: Airflow = field(default_factory=Airflow)


TABLES: dict[str, type[Any]] = {
    "lake": Lake,
    "batch": Batch,
    "limits": Limits,
    "listing": Listing,
    "quality": Quality,
    "coverage": Coverage,
    "doctor": Doctor,
    "maintain": Maintain,
    "athena": Athena,
    "spark": Spark,
    "airflow": Airflow,
}
# Limits belongs to `decode`, which knows nothing of settings, so what is said of its fields stands here.
_LIMITS = {
    "stored_bytes": _doc("Largest object that is read, as stored.", "bytes"),
    "inflated_bytes": _doc("Largest object, inflated.", "bytes"),
    "records": _doc("Most records in one object."),
    "record_bytes": _doc("Largest record.", "bytes"),
    "partitions": _doc("Most partitions that the rows of one object lie in."),
    "depth": _doc("Deepest nesting of a record."),
}


def load(
    path: Path | None, overrides: Mapping[str, Override], env: Mapping[str, str], fetched: File | None = None
) -> Settings:
    """
    The settings of this run: command line over file over defaults.

    A file in a bucket is given as `fetched`, since nobody here may fetch it. `overrides` holds what the command line
    gave, by dotted name ("batch.objects"). "source" lists places to read instead of the file's; one that names a source
    of the file, or has its URL, keeps that source's other settings.
    """
    file = fetched or found(path, env)
    document = parsed(file) if file else {}
    sources = _file_sources(document.pop("source", []), file)
    tables: dict[str, dict[str, Any]] = {name: {} for name in TABLES}
    for_all: dict[str, Any] = {}  # settings of a source, given on the command line: for every source of this run
    for table, values in document.items():
        _known(table, (*TABLES, "source"), file, "table")
        if not isinstance(values, dict):
            raise SettingsError(f"`{table}` in {file} must be a table: write [{table}] on a line of its own")
        for key, value in values.items():
            tables[table][key] = _field_value(table, key, value, file)
    for name, given in overrides.items():
        if name == "source":
            sources = _chosen(sources, [given] if isinstance(given, str) else given)
            continue
        table, _, key = name.partition(".")
        if table == "source":
            for_all[key] = _field_value(table, key, given, None)
            continue
        _known(table, (*TABLES, "source"), None, "table")
        tables[table][key] = _field_value(table, key, given, None)
    made = {name: kind(**tables[name]) for name, kind in TABLES.items()}
    sources = tuple(replace(source, **for_all) for source in sources)
    return Settings(**{**made, "lake": _checked_lake(made["lake"])}, sources=sources)


def environment() -> Mapping[str, str]:
    """The process's environment."""
    return os.environ


def plain_http(env: Mapping[str, str]) -> bool:
    """Whether requests may go to another machine without TLS."""
    return env.get(PLAIN_HTTP_VARIABLE, "") == "1"


def quieten_libraries() -> None:
    """Great Expectations tells its makers of every use, unless the environment says not to before it is imported."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"


def fault(env: Mapping[str, str]) -> str:
    """The fault that a test has set for this process."""
    return env.get(FAULT_VARIABLE, "")


def _file_sources(given: Any, file: File | None) -> tuple[Source, ...]:
    if not isinstance(given, list) or not all(isinstance(entry, dict) for entry in given):
        raise SettingsError(
            f'`source` in {file} must be written as [[source]] with double brackets, then url = "s3://…"'
        )
    made = tuple(
        Source(**{key: _field_value("source", key, value, file) for key, value in entry.items()}) for entry in given
    )
    for source in made:
        if not source.url:
            raise SettingsError(f'a [[source]] in {file} has no url: write url = "s3://bucket/prefix", or a folder')
    names = [source.name for source in made if source.name]
    for name in names:
        if names.count(name) > 1:
            raise SettingsError(f"two sources in {file} are named `{name}`: give each its own name")
    return made


def _chosen(known: tuple[Source, ...], given: int | Sequence[str]) -> tuple[Source, ...]:
    """The command line's sources; what the file says of the same place or name is kept."""
    if isinstance(given, int):
        raise SettingsError("`source` wants a folder, an s3://bucket/prefix, or the name of a source in the file")
    chosen = []
    for one in given:
        url = _field_value("source", "url", one, None)
        same = [source for source in known if source.name == one] or [source for source in known if source.url == url]
        chosen.append(same[0] if same else Source(url=url))
    return tuple(chosen)


def names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind))


def _known(name: str, known: Sequence[str], file: File | None, what: str) -> None:
    """Refuse a name that isn't known, and say which was probably meant."""
    if name in known:
        return
    where = f"in {file.name}" if file else "on the command line"
    last = name.rpartition(".")[2]
    if _SECRET.search(last):
        raise SettingsError(
            f"`{name}` {where} looks like a secret: Trailhouse takes none. Put credentials where AWS's own tools read "
            "them: a profile in ~/.aws, a role, or the AWS_… variables"
        )
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean `{near[0]}`?" if near else f"known are: {', '.join(known)}"
    raise SettingsError(f"unknown {what} `{name}` {where}: {hint}")


_SECRET = re.compile(r"secret|passw|token|credential|access_?key|private_?key|session_?key|api_?key", re.IGNORECASE)


def _field_value(table: str, key: str, value: Any, file: File | None) -> Any:
    """The value of one setting in its proper type, or an error that says what is wanted."""
    kind = Source if table == "source" else TABLES[table]
    name = f"{table}.{key}"
    everywhere = [f"{other}.{each}" for other, its in {**TABLES, "source": Source}.items() for each in names(its)]
    _known(name, everywhere, file, "setting")
    where = f"`{name}` in {file.name}" if file else f"`{name}` on the command line"
    form, hint = form_of(table, key), get_type_hints(kind)[key]
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise SettingsError(f"{where} must be one of {', '.join(get_args(hint))}, not {value!r}")
        return value
    if hint is bool:
        return forms.yes_or_no(value, where)
    if form in ("bytes", "duration") or hint is int:
        return forms.amount(value, form, where)
    if not isinstance(value, str):
        raise SettingsError(f"{where} must be text in quotes, not {value!r}")
    if form == "place":
        return forms.place(value, file.folder if file else Path.cwd(), where)
    _check_text(name, value, where)
    return value


_PATTERNS = {
    **PATTERNS,
    "source.expected_owner": (r"[0-9]{12}|", 'an account id of 12 digits in quotes, such as "111122223333"'),
    "source.copy_of": (r"[a-z0-9][a-z0-9._-]{1,62}|", "the name of a bucket, such as org-trail-logs"),
    "source.role_arn": (r"arn:[^:]+:iam::[0-9]{12}:role/.+|", 'such as "arn:aws:iam::111122223333:role/log-reader"'),
    "lake.database": (r"[a-z0-9_]+", "of small letters, digits and _, such as trailhouse"),
    "lake.ops_database": (r"[a-z0-9_]+", "of small letters, digits and _, such as trailhouse_ops"),
    "lake.kms_key": (
        r"arn:[^:]+:kms:[^:]+:[0-9]{12}:(key|alias)/.+|alias/.+|",
        'a key\'s ARN or alias, such as "alias/trailhouse" or "arn:aws:kms:eu-west-1:111122223333:key/…"',
    ),
    "lake.catalog_name": (r"[a-z][a-z0-9_]*", "of small letters, digits and _, such as trailhouse"),
    "athena.work_group": (r"[a-zA-Z0-9._-]{1,128}", "of letters, digits and . _ -, such as trailhouse"),
    "spark.driver_memory": (r"[1-9][0-9]*[kmgt]", 'in Spark\'s form, such as "2g"'),
}


def _check_text(name: str, value: str, where: str) -> None:
    pattern, wanted = _PATTERNS.get(name, (r".*", "text"))
    if not re.fullmatch(pattern, value):
        raise SettingsError(f"{where} must be {wanted}, not {value!r}")


def _checked_lake(lake: Lake) -> Lake:
    """What one field means for another."""
    if lake.database == lake.ops_database:
        raise SettingsError("`lake.database` and `lake.ops_database` must differ: analysts see only the first")
    if lake.catalog == "rest" and not lake.catalog_uri:
        raise SettingsError(
            '`lake.catalog_uri` is missing: catalog = "rest" wants an address such as https://host/catalog'
        )
    if lake.kms_key and lake.location and not lake.location.startswith("s3://"):
        raise SettingsError("`lake.kms_key` is for a lake in S3: take it out, or have the lake lie there (s3://…)")
    if lake.catalog != "sqlite" or lake.catalog_uri or not lake.location:
        return lake
    if lake.location.startswith("s3://"):
        raise SettingsError(
            '`lake.catalog_uri` is missing: a lake in S3 with catalog = "sqlite" wants a local file, such as '
            '"/var/lib/trailhouse/catalog.sqlite"; or say catalog = "glue"'
        )
    return replace(lake, catalog_uri=str(Path(lake.location) / "catalog.sqlite"))


def form_of(table: str, key: str) -> str:
    return metadata_of(table, key)["form"]


def metadata_of(table: str, key: str) -> Mapping[str, str]:
    if table == "limits":
        return _LIMITS.get(key, _doc(""))
    kind = Source if table == "source" else TABLES[table]
    return next(each.metadata for each in fields(kind) if each.name == key)
