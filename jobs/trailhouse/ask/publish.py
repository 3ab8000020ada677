"""
What analysts find in AWS: views in Glue, a work group, named queries and prepared statements in Athena.

Everything is compared with what is there, and only what differs is written. What Trailhouse made bears its mark; what
bears none is somebody else's, and stays as it is whatever its name.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from trailhouse import settings
from trailhouse.ask import parameters, queries, views
from trailhouse.ask.queries import Report
from trailhouse.errors import TrailhouseError, UsageError
from trailhouse.sources import aws

MARK = "[trailhouse]"  # ends the description of what is ours
LONGEST = 1024  # characters of a description, by Athena
_AT_ONCE = 50  # named queries in one call, by Athena
_AGAIN = (0.2, 1.0)  # seconds before a call that left something out is made again
LEAST_LIMIT = 10_000_000  # bytes, by Athena

What = Literal["created", "changed", "dropped", "unchanged", "left alone"]


@dataclass(frozen=True, slots=True)
class Change:
    """What became, or would become, of one thing."""

    kind: str
    name: str
    what: What
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of thing: what is there, by name, and how it is written; a form is what the service is told of it."""

    name: str
    there: Mapping[str, Any]
    mine: Callable[[Any], bool]
    same: Callable[[Any, Any], bool]
    create: Callable[[str, Any], object]
    change: Callable[[str, Any], object]
    drop: Callable[[str], object]
    spare: Sequence[tuple[str, Callable[[], object]]] = ()  # ours that are there once more, and what drops each


def publish(config: settings.Settings, dry_run: bool = False) -> list[Change]:
    """Bring Glue and Athena up to date with this release's views and reports; what is said was done, or would be."""
    if config.lake.catalog != "glue":
        raise UsageError(
            f"publish writes to Glue and Athena, and the catalog of this lake is {config.lake.catalog}: for Athena say "
            "--lake-catalog glue; `trailhouse sql` and `trailhouse report` have views and reports without it"
        )
    with aws.told("publishing"):
        return _publish(config, dry_run)


def _publish(config: settings.Settings, dry_run: bool) -> list[Change]:
    made = list(_work_group(config, dry_run))
    ours = {view.name: views.glue_form(view, config.lake) for view in views.needed(queries.views())}
    made += _reconciled(_views(config.lake), ours, dry_run)
    there = dry_run and any(change.kind == "work group" and change.what == "created" for change in made)
    named = {report.name: _named_form(report, config) for report in queries.reports().values()}
    made += _reconciled(_named_queries(config, nothing=there), named, dry_run)
    prepared = {report.name: _prepared_form(report, config) for report in queries.reports().values()}
    made += _reconciled(_prepared_statements(config, nothing=there), prepared, dry_run)
    return made


def _reconciled(kind: _Kind, wanted: Mapping[str, Any], dry_run: bool) -> Iterable[Change]:
    """What differs is written, in the order in which it is wanted; ours that nobody wants any more is dropped."""
    for name, form in wanted.items():
        if name not in kind.there:
            yield _done(Change(kind.name, name, "created"), partial(kind.create, name, form), dry_run)
        elif not kind.mine(kind.there[name]):
            yield Change(kind.name, name, "left alone", "somebody else made it: rename it to get Trailhouse's own")
        elif kind.same(kind.there[name], form):
            yield Change(kind.name, name, "unchanged")
        else:
            yield _done(Change(kind.name, name, "changed"), partial(kind.change, name, form), dry_run)
    for name in sorted(kind.there):
        if name not in wanted and kind.mine(kind.there[name]):
            yield _done(Change(kind.name, name, "dropped"), partial(kind.drop, name), dry_run)
    for name, drop in kind.spare:
        yield _done(Change(kind.name, name, "dropped", "it was there twice"), drop, dry_run)


def _done(change: Change, act: Callable[[], object], dry_run: bool) -> Change:
    if not dry_run:
        act()
    return change


# ── views ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _views(where: settings.Lake) -> _Kind:
    glue, database = aws.client("glue"), where.database
    pages = glue.get_paginator("get_tables").paginate(DatabaseName=database)
    try:
        there = {table["Name"]: table for page in pages for table in page["TableList"]}
    except glue.exceptions.EntityNotFoundException as error:
        raise UsageError(
            f"there is no database {database} in Glue: `trailhouse ingest` makes the lake first"
        ) from error
    return _Kind(
        "view",
        there,
        mine=lambda table: table.get("Parameters", {}).get("trailhouse") == "view",
        same=_same_view,
        create=lambda _, form: glue.create_table(DatabaseName=database, TableInput=form),
        change=lambda _, form: glue.update_table(DatabaseName=database, TableInput=form),
        drop=lambda name: glue.delete_table(DatabaseName=database, Name=name),
    )


def _same_view(there: dict[str, Any], form: dict[str, Any]) -> bool:
    """By what a reader sees of it; Glue adds times, owners and versions of its own."""
    columns = [tuple(column.get(key) for key in ("Name", "Type", "Comment")) for column in _columns(there)]
    wanted = [tuple(column.get(key) for key in ("Name", "Type", "Comment")) for column in _columns(form)]
    told = ("Description", "TableType", "ViewOriginalText", "ViewExpandedText")
    parameters_kept = form["Parameters"].items() <= there.get("Parameters", {}).items()
    return columns == wanted and parameters_kept and all(there.get(key) == form[key] for key in told)


def _columns(table: dict[str, Any]) -> list[dict[str, str]]:
    return table.get("StorageDescriptor", {}).get("Columns", []) or []


# ── the work group ───────────────────────────────────────────────────────────────────────────────────────────────────


def output(config: settings.Settings) -> str:
    """Where Athena puts its results."""
    if config.athena.output:
        return config.athena.output.rstrip("/") + "/"
    bucket, _, prefix = config.lake.location.removeprefix("s3://").partition("/")
    if not config.lake.location.startswith("s3://") or not prefix.strip("/"):
        raise UsageError(
            "Athena's results need a place outside the lake: set athena.output, such as s3://bucket/results"
        )
    return f"s3://{bucket}/athena-results/"


def _work_group(config: settings.Settings, dry_run: bool) -> Iterable[Change]:
    client, name = aws.client("athena"), config.athena.work_group
    wanted = _enforced(config)
    about = f"Queries of the lake {config.lake.database}: encrypted results, one place for them, a scan limit. {MARK}"
    if name not in _work_groups(client):
        yield _done(
            Change("work group", name, "created"),
            partial(client.create_work_group, Name=name, Configuration=wanted, Description=about),
            dry_run,
        )
        return
    there = client.get_work_group(WorkGroup=name)["WorkGroup"]
    made_for = _OF_LAKE.match(there.get("Description", ""))
    if made_for and made_for[1] != config.lake.database:
        raise UsageError(
            f"the work group {name} was made for the lake {made_for[1]}, and this one is {config.lake.database}: set "
            "athena.work_group to a name of its own"
        )
    if not there.get("Description", "").endswith(MARK):
        yield Change("work group", name, "left alone", "somebody else made it: its own settings hold")
    elif all(there["Configuration"].get(key) == value for key, value in wanted.items()):
        yield Change("work group", name, "unchanged")
    else:
        updates = {**wanted, "ResultConfigurationUpdates": wanted["ResultConfiguration"]}
        del updates["ResultConfiguration"]
        yield _done(
            Change("work group", name, "changed"),
            partial(client.update_work_group, WorkGroup=name, ConfigurationUpdates=updates, Description=about),
            dry_run,
        )


_OF_LAKE = re.compile(rf"Queries of the lake (\S+): .*{re.escape(MARK)}\Z", re.DOTALL)


def _enforced(config: settings.Settings) -> dict[str, Any]:
    if config.athena.scan_limit < LEAST_LIMIT:
        raise UsageError(f"athena.scan_limit must be at least {LEAST_LIMIT:,} bytes: Athena takes none below")
    key = config.athena.kms_key
    encryption = {"EncryptionOption": "SSE_KMS", "KmsKey": key} if key else {"EncryptionOption": "SSE_S3"}
    return {
        "EnforceWorkGroupConfiguration": True,
        "PublishCloudWatchMetricsEnabled": True,
        "BytesScannedCutoffPerQuery": config.athena.scan_limit,
        "ResultConfiguration": {"OutputLocation": output(config), "EncryptionConfiguration": encryption},
    }


def _work_groups(client: Any) -> set[str]:
    return {group["Name"] for group in _listed(client.list_work_groups, "WorkGroups")}


# ── named queries and prepared statements ────────────────────────────────────────────────────────────────────────────


def _named_form(report: Report, config: settings.Settings) -> dict[str, str]:
    told = "".join(f"\n-- {param.name}: {param.doc}" for param in report.params)
    sql = views.named(parameters.saved(report), config.lake)
    return {
        "Description": _described(f"{report.title}. {report.doc}"),
        "QueryString": f"-- {report.title}{told}\n{sql}",
        "Database": config.lake.database,
    }


def _named_queries(config: settings.Settings, nothing: bool) -> _Kind:
    client, group = aws.client("athena"), config.athena.work_group
    ids = [] if nothing else list(_listed(partial(client.list_named_queries, WorkGroup=group), "NamedQueryIds"))
    there: dict[str, Any] = {}
    spare: list[Any] = []
    for query in _fetched(client, ids):  # Athena allows a name twice
        before = there.setdefault(query["Name"], query)
        if before is not query and _is_marked(query):
            there[query["Name"]] = query if not _is_marked(before) else before
            spare += [query] if _is_marked(before) else []

    def create(name: str, form: dict[str, str]) -> None:
        client.create_named_query(Name=name, WorkGroup=group, **form)

    def change(name: str, form: dict[str, str]) -> None:
        told = {"Description": form["Description"], "QueryString": form["QueryString"]}
        if there[name]["Database"] == form["Database"]:
            client.update_named_query(NamedQueryId=there[name]["NamedQueryId"], Name=name, **told)
        else:  # which an update can't change
            drop(name)
            create(name, form)

    def drop(name: str) -> None:
        client.delete_named_query(NamedQueryId=there[name]["NamedQueryId"])

    spares = [(one["Name"], partial(client.delete_named_query, NamedQueryId=one["NamedQueryId"])) for one in spare]
    return _Kind("named query", there, _is_marked, _same, create, change, drop, spares)


def _fetched(client: Any, ids: Sequence[str]) -> Iterable[Any]:
    """Named queries by their ids; those that Athena leaves out are asked for again."""
    for begin in range(0, len(ids), _AT_ONCE):
        wanted = list(ids[begin : begin + _AT_ONCE])
        for wait in (*_AGAIN, None):
            page = client.batch_get_named_query(NamedQueryIds=wanted)
            yield from page["NamedQueries"]
            left = page.get("UnprocessedNamedQueryIds") or []
            if not left:
                break
            if wait is None:
                raise TrailhouseError(
                    f"Athena does not say what the named query {left[0].get('NamedQueryId')} is "
                    f"({left[0].get('ErrorMessage') or left[0].get('ErrorCode') or 'no reason given'}): run it again"
                )
            time.sleep(wait)
            wanted = [each["NamedQueryId"] for each in left]


def _prepared_form(report: Report, config: settings.Settings) -> dict[str, str]:
    sql, asked = parameters.prepared(report)
    using = ", ".join(param.name for param in asked)
    return {
        "Description": _described(f"{report.title}. EXECUTE {report.name} USING {using}"),
        "QueryStatement": views.named(sql, config.lake),
    }


def _prepared_statements(config: settings.Settings, nothing: bool) -> _Kind:
    client, group = aws.client("athena"), config.athena.work_group
    ask = partial(client.list_prepared_statements, WorkGroup=group)
    names = [] if nothing else [each["StatementName"] for each in _listed(ask, "PreparedStatements")]
    there = {
        name: client.get_prepared_statement(StatementName=name, WorkGroup=group)["PreparedStatement"] for name in names
    }
    return _Kind(
        "prepared statement",
        there,
        _is_marked,
        _same,
        create=lambda name, form: client.create_prepared_statement(StatementName=name, WorkGroup=group, **form),
        change=lambda name, form: client.update_prepared_statement(StatementName=name, WorkGroup=group, **form),
        drop=lambda name: client.delete_prepared_statement(StatementName=name, WorkGroup=group),
    )


def _described(text: str) -> str:
    room = LONGEST - len(MARK) - 1
    return f"{text if len(text) <= room else text[: room - 1] + '…'} {MARK}"


def _is_marked(there: dict[str, Any]) -> bool:
    return str(there.get("Description", "")).endswith(MARK)


def _same(there: dict[str, Any], form: dict[str, str]) -> bool:
    return all(there.get(key) == value for key, value in form.items())


def _listed(call: Callable[..., dict[str, Any]], key: str) -> Iterable[Any]:
    """All pages of a listing that boto3 has no paginator for."""
    token: dict[str, str] = {}
    while True:
        page = call(**token)
        yield from page[key]
        if not page.get("NextToken"):
            return
        token = {"NextToken": page["NextToken"]}
