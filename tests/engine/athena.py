"""
Athena's API for the tests: moto's, whose queries run on a real Trino.

What moto lacks is added (batch reads, updates and deletes of named queries, prepared statements, work groups), and what
a client must cope with is as in AWS: a query is started, polled, paged and cancelled; results are text, a header first;
a work group that enforces its settings ignores those of the client, and one with a scan limit cancels what reads more.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import trino

PAGE = 1000  # rows of a page, the header among them
CATALOG = "awsdatacatalog"


@dataclass
class Execution:
    """One query, as GetQueryExecution shows it."""

    sql: str
    database: str
    work_group: Any
    parameters: list[str]
    output: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    state: str = "QUEUED"
    reason: str = ""
    category: int = 2  # of an error: 1 is Athena's own, 2 the user's
    columns: list[tuple[str, str]] = field(default_factory=list)
    rows: list[list[Any]] = field(default_factory=list)
    scanned: int = 0
    submitted: float = field(default_factory=time.time)
    milliseconds: int = 0


class BadRequestError(Exception):
    """What the caller did wrong, in Athena's words."""


def install(trino_port: int) -> None:  # noqa: PLR0915 (a call a function)
    """Put these calls in the place of moto's."""
    from moto.athena.responses import AthenaResponse

    executions: dict[str, Execution] = {}
    statements: dict[tuple[str, str], dict[str, str]] = {}  # by work group and name; moto's know the name alone

    def given(self: AthenaResponse, *names: str) -> list[Any]:
        return [self._get_param(name) for name in names]

    def group_of(self: AthenaResponse, name: str | None) -> Any:
        found = self.athena_backend.work_groups.get(name or "primary")
        if found is None:
            raise BadRequestError(f"WorkGroup {name} is not found.")
        return found

    def start_query_execution(self: AthenaResponse) -> dict[str, Any]:
        sql, context, config, name, parameters = given(
            self, "QueryString", "QueryExecutionContext", "ResultConfiguration", "WorkGroup", "ExecutionParameters"
        )
        group = group_of(self, name)
        enforced = group.configuration["EnforceWorkGroupConfiguration"]
        of_group = group.configuration.get("ResultConfiguration", {}).get("OutputLocation")
        output = of_group if enforced else (config or {}).get("OutputLocation") or of_group
        if not output:
            raise BadRequestError("No output location provided. You did not provide an output location.")
        database = (context or {}).get("Database", "default")
        execution = Execution(sql, database, group, parameters or [], output)
        executions[execution.id] = execution
        there = {name: statement["QueryStatement"] for (of, name), statement in statements.items() if of == group.name}
        threading.Thread(target=run, args=(execution, trino_port, immediate(execution, there)), daemon=True).start()
        return {"QueryExecutionId": execution.id}

    def found(self: AthenaResponse) -> Execution:
        execution = executions.get(self._get_param("QueryExecutionId"))
        if execution is None:
            raise BadRequestError("QueryExecution was not found")
        return execution

    def get_query_execution(self: AthenaResponse) -> dict[str, Any]:
        return {"QueryExecution": described(found(self))}

    def stop_query_execution(self: AthenaResponse) -> dict[str, Any]:
        execution = found(self)
        if execution.state in ("QUEUED", "RUNNING"):
            execution.state, execution.reason = "CANCELLED", "Query cancelled by user"
        return {}

    def get_query_results(self: AthenaResponse) -> dict[str, Any]:
        execution = found(self)
        if execution.state != "SUCCEEDED":
            raise BadRequestError(f"Query did not finish successfully. Final query state: {execution.state}")
        begin, count = int(self._get_param("NextToken") or 0), int(self._get_param("MaxResults") or PAGE)
        if not 1 <= count <= PAGE:
            raise BadRequestError(f"MaxResults must be between 1 and {PAGE}")
        return page(execution, begin, count)

    def batch_get_named_query(self: AthenaResponse) -> dict[str, Any]:
        ids = self._get_param("NamedQueryIds")
        there = [self.athena_backend.named_queries[one] for one in ids if one in self.athena_backend.named_queries]
        if len(ids) > 50:
            raise BadRequestError("too many ids")
        shown = [
            {"NamedQueryId": q.id, "Name": q.name, "Description": q.description, "Database": q.database,
             "QueryString": q.query_string, "WorkGroup": q.workgroup.name}
            for q in there
        ]  # fmt: skip
        return {"NamedQueries": shown, "UnprocessedNamedQueryIds": []}

    def update_named_query(self: AthenaResponse) -> dict[str, Any]:
        one, name, description, sql = given(self, "NamedQueryId", "Name", "Description", "QueryString")
        query = self.athena_backend.named_queries[one]
        query.name, query.query_string = name, sql
        query.description = description if description is not None else query.description
        return {}

    def delete_named_query(self: AthenaResponse) -> dict[str, Any]:
        del self.athena_backend.named_queries[self._get_param("NamedQueryId")]
        return {}

    def statement_of(self: AthenaResponse) -> tuple[str, str]:
        return tuple(given(self, "WorkGroup", "StatementName"))

    def create_prepared_statement(self: AthenaResponse) -> dict[str, Any]:
        group, name = statement_of(self)
        if (group_of(self, group).name, name) in statements:
            raise BadRequestError(f"PreparedStatement {name} already exists in WorkGroup {group}.")
        return update_prepared_statement(self)

    def get_prepared_statement(self: AthenaResponse) -> dict[str, Any]:
        group, name = statement_of(self)
        return {"PreparedStatement": statements[group, name] | {"StatementName": name, "WorkGroupName": group}}

    def list_prepared_statements(self: AthenaResponse) -> dict[str, Any]:
        mine = self._get_param("WorkGroup")
        return {"PreparedStatements": [{"StatementName": name} for group, name in statements if group == mine]}

    def update_prepared_statement(self: AthenaResponse) -> dict[str, Any]:
        sql, description = given(self, "QueryStatement", "Description")
        statements[statement_of(self)] = {"QueryStatement": sql, "Description": description or ""}
        return {}

    def delete_prepared_statement(self: AthenaResponse) -> dict[str, Any]:
        del statements[statement_of(self)]
        return {}

    def get_work_group(self: AthenaResponse) -> dict[str, Any]:
        group = group_of(self, self._get_param("WorkGroup"))
        return {"WorkGroup": self.athena_backend.get_work_group(group.name)}

    def update_work_group(self: AthenaResponse) -> dict[str, Any]:
        name, description, updates = given(self, "WorkGroup", "Description", "ConfigurationUpdates")
        group = group_of(self, name)
        group.description = description if description is not None else group.description
        changed = dict(updates or {})
        if "ResultConfigurationUpdates" in changed:
            changed["ResultConfiguration"] = changed.pop("ResultConfigurationUpdates")
        group.configuration |= changed
        return {}

    for call in (
        start_query_execution, get_query_execution, stop_query_execution, get_query_results, batch_get_named_query,
        update_named_query, delete_named_query, create_prepared_statement, get_prepared_statement,
        list_prepared_statements, update_prepared_statement, delete_prepared_statement, get_work_group,
        update_work_group,
    ):  # fmt: skip
        setattr(AthenaResponse, call.__name__, answering(call))


def answering(call: Any) -> Any:
    """The call as moto wants it: a body, and what was wrong as an answer of its own."""

    def answer(self: Any) -> Any:
        try:
            return json.dumps(call(self))
        except BadRequestError as error:
            return self.error(str(error), 400)

    return answer


def run(execution: Execution, trino_port: int, sql: str) -> None:
    """In a thread of its own: the query on Trino."""
    execution.state = "RUNNING" if execution.state == "QUEUED" else execution.state
    began = time.monotonic()
    connection = trino.dbapi.connect(
        host="127.0.0.1", port=trino_port, user="athena", catalog=CATALOG, schema=execution.database, timezone="UTC"
    )
    cursor = connection.cursor()
    try:
        cursor.execute(sql)
        for row in cursor:
            if execution.state == "CANCELLED":
                cursor.cancel()
                return
            execution.rows.append(list(row))
    except Exception as error:  # of the driver's connection too: what is not told would be waited for
        execution.state, execution.reason = "FAILED", str(error)
        execution.category = 2 if getattr(error, "error_type", "") == "USER_ERROR" else 1
        return
    execution.columns = [(column[0], column[1]) for column in cursor.description or ()]
    execution.scanned = int(cursor.stats.get("physicalInputBytes", 0))
    execution.milliseconds = int((time.monotonic() - began) * 1000)
    limit = execution.work_group.configuration.get("BytesScannedCutoffPerQuery")
    if limit and execution.scanned > limit:
        execution.state, execution.reason = "CANCELLED", f"Bytes scanned limit was exceeded: {limit}"
    elif execution.state == "RUNNING":
        execution.state = "SUCCEEDED"


def immediate(execution: Execution, prepared: dict[str, str]) -> str:
    """The statement as Trino takes it in one go: prepared ones and parameters live in Athena, not in its engine."""
    sql, using = execution.sql, execution.parameters
    words = sql.split(None, 2)
    if words[0].upper() == "EXECUTE":
        if words[1] not in prepared:
            raise BadRequestError(f"PreparedStatement {words[1]} was not found in workGroup")
        sql, rest = prepared[words[1]], (words[2] if len(words) > 2 else "")
        if rest:
            using = [rest.split(None, 1)[1]]
    if not using:
        return sql
    quoted = sql.replace("'", "''")
    return f"EXECUTE IMMEDIATE '{quoted}' USING {', '.join(using)}"


def described(execution: Execution) -> dict[str, Any]:
    done = execution.state in ("SUCCEEDED", "FAILED", "CANCELLED")
    return {
        "QueryExecutionId": execution.id,
        "Query": execution.sql,
        "StatementType": "DML",
        "ResultConfiguration": {"OutputLocation": f"{execution.output.rstrip('/')}/{execution.id}.csv"},
        "QueryExecutionContext": {"Database": execution.database, "Catalog": CATALOG},
        "Status": {
            "State": execution.state,
            "SubmissionDateTime": execution.submitted,
            **({"CompletionDateTime": time.time()} if done else {}),
            **({"StateChangeReason": execution.reason} if execution.reason else {}),
            **({"AthenaError": error_of(execution)} if execution.state == "FAILED" else {}),
        },
        "Statistics": {
            "EngineExecutionTimeInMillis": execution.milliseconds,
            "DataScannedInBytes": execution.scanned,
            "TotalExecutionTimeInMillis": execution.milliseconds,
        },
        "WorkGroup": execution.work_group.name,
    }


def error_of(execution: Execution) -> dict[str, Any]:
    return {"ErrorCategory": execution.category, "ErrorMessage": execution.reason, "Retryable": execution.category == 1}


def named(kind: str) -> str:
    """A type as Athena calls it: without digits, of an array without what is in it."""
    return "timestamp with time zone" if "with time zone" in kind else kind.partition("(")[0]


def digits(kind: str) -> tuple[int, int]:
    """Precision and scale of a decimal's type."""
    inside = kind.removeprefix("decimal(").removesuffix(")").split(",") if kind.startswith("decimal(") else ("0", "0")
    return int(inside[0]), int(inside[1])


def page(execution: Execution, begin: int, count: int) -> dict[str, Any]:
    """Rows from there on; the header is the first of them."""
    lines = [[name for name, _ in execution.columns], *execution.rows]
    rows = [{"Data": [cell(value) for value in line]} for line in lines[begin : begin + count]]
    columns = [
        {"CatalogName": "hive", "SchemaName": "", "TableName": "", "Name": name, "Label": name,
         "Type": named(kind), "Precision": digits(kind)[0], "Scale": digits(kind)[1],
         "Nullable": "UNKNOWN", "CaseSensitive": False}
        for name, kind in execution.columns
    ]  # fmt: skip
    answer: dict[str, Any] = {"ResultSet": {"Rows": rows, "ResultSetMetadata": {"ColumnInfo": columns}}}
    if begin + count < len(lines):
        answer["NextToken"] = str(begin + count)
    return answer


def cell(value: Any) -> dict[str, str]:
    """A value as Athena writes it; NULL is no value at all."""
    return {} if value is None else {"VarCharValue": written(value)}


def written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%f")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={inner(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(inner(each) for each in value) + "]"
    if isinstance(value, tuple):  # a row: the client knows its names
        names = getattr(value, "_names", None) or [str(n) for n in range(len(value))]
        return "{" + ", ".join(f"{name}={inner(each)}" for name, each in zip(names, value, strict=True)) + "}"
    return str(value)


def inner(value: Any) -> str:
    return "null" if value is None else written(value)
