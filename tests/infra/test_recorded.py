"""
One run of everything, each command as its own role; every request is recorded on the wire and held against the role's policy.

S3 is a real server that enforces the same policies (without their conditions, which it does not know, and without KMS); Glue
and Athena are moto's behind a recording proxy, and Athena's engine asks Glue and S3 as the analyst, as Athena does.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.aws_env import aws_of
from tests.buckets import Bucket, event, key, plain
from tests.engine.trino_server import TrinoServer
from tests.faults.glue_server import GlueServer
from tests.faults.proxy import Fault, Proxy
from tests.infra.actions import calls, signed
from tests.infra.clouds import ACCOUNT, LAKE, LOGS, REGION, RESULTS
from tests.infra.house import Statements, policies, there
from tests.ingest.contents import ingest, quiet
from tests.ingest.inline import INLINE
from tests.integrity.chains import Vault
from tests.integrity.cloudtrail_api import ANYWHERE, CloudTrailApi
from tests.integrity.verifying import proof_of
from tests.s3_server import ROOT_KEY, ROOT_SECRET, S3Server
from tests.upkeep.fed import LATER
from tools import engine as installed
from trailhouse import settings
from trailhouse.ask import athena, parameters, publish, queries
from trailhouse.cli import arguments
from trailhouse.doctor import examine
from trailhouse.doctor.rights import Call, allowed, applies
from trailhouse.ingest.job import Run
from trailhouse.lake import encrypted
from trailhouse.sources import aws
from trailhouse.upkeep import maintain

JOBS = ("ingest", "maintain", "verify")
ROLES = ("ingest", "maintain", "verify", "publish", "analyst", "doctor")
WRITERS = {"ingest": "_trailhouse/plans/x", "maintain": "_trailhouse/plans/x", "verify": "_trailhouse/seals/x"}
NOW = datetime(2026, 4, 1, tzinfo=UTC)  # long after what the vault tells of

# What a server of the tests can judge; the others of the roles' actions on S3 it takes for nonsense.
ENFORCED = {
    "s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts", "s3:ListBucketMultipartUploads", "s3:GetBucketLocation",
}  # fmt: skip

KMS = "S3 asks KMS in the caller's name, and the tests' S3 server has none"
EMR = "EMR Serverless does it in the job's name, before the command begins"
ATHENA = "Athena does it in the caller's name when it keeps results, which the tests' Athena holds in memory"
DOCUMENTED = (
    "AWS documents that Athena wants it; the tests' engine reads Iceberg by its metadata, never lists, has no default"
)
HERE = "held against moto in tests/infra/test_doctor_rights.py"
# By statement: its rights that no request shows, and why. Each is a reason to look at what is new.
UNSEEN = {
    "OpensLake": KMS, "OpensLogs": KMS, "OpensTables": KMS, "Encrypts": KMS, "EncryptsResults": KMS,
    "Logs": EMR, "FindsLogGroup": EMR,
    "FindsResults": ATHENA, "KeepsResults": ATHENA,
    "LooksAtTrails": HERE, "LooksAtEachTrail": HERE, "LooksAtBuckets": HERE, "LooksAtKeys": HERE, "LooksAtRoles": HERE,
    "ListsTables": DOCUMENTED, "FindsDefault": DOCUMENTED, "LooksAtDatabases": HERE,
    "LooksAtPolicies": HERE, "LooksAtWorkGroup": HERE, "LooksAtSchedules": HERE,
}  # fmt: skip


@dataclass
class Reached:
    """The servers behind their proxies, the settings that the stack tells, and who did what."""

    s3: S3Server
    glue: GlueServer
    proxy: Proxy
    keys: Proxy
    cloudtrail: CloudTrailApi
    config: settings.Settings
    held: dict[str, Statements]
    vault: Vault = field(default_factory=lambda: Vault(LOGS))

    def env(self, key: str, secret: str) -> dict[str, str]:
        return self.s3.env(key, secret) | {
            "AWS_ENDPOINT_URL": self.proxy.glue,
            "AWS_ENDPOINT_URL_S3": self.proxy.s3,
            "AWS_ENDPOINT_URL_CLOUDTRAIL": self.keys.glue,
        }

    @contextmanager
    def acting_as(self, role: str) -> Iterator[settings.Settings]:
        """This process is that role to AWS."""
        with pytest.MonkeyPatch.context() as patch, aws_of(patch, self.env(role, secret(role))):
            yield self.config

    def root(self, service: str) -> Any:
        """A client of the test's own, past the proxy."""
        return boto3.client(
            service, endpoint_url=self.glue.url, region_name=REGION, aws_access_key_id=ROOT_KEY, aws_secret_access_key=ROOT_SECRET,
        )  # fmt: skip

    def called(self) -> dict[str, list[Call]]:
        """By role, each once."""
        found: dict[str, dict[str, Call]] = defaultdict(dict)
        for request in (*self.proxy.seen.requests, *self.keys.seen.requests):
            wire = signed(request)
            for call in calls(wire, ACCOUNT):
                found[wire.who][f"{call} {call.context}"] = call
        return {who: list(each.values()) for who, each in found.items()}


def secret(role: str) -> str:
    return f"the-secret-of-{role}"


@pytest.fixture(scope="module")
def reached(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reached]:
    """Servers, buckets, databases and the work group as the stack has them; nothing in the lake."""
    if installed.java() is None:
        pytest.skip(installed.NEED_JAVA)
    if not (installed.HOME / "bin" / "launcher").is_file():
        pytest.skip("no Trino: make engine")
    held, (databases, group, told) = policies()[0], there()
    folder = tmp_path_factory.mktemp("roles")
    (folder / "trailhouse.toml").write_text(told)
    trino = TrinoServer(folder / "trino")
    glue = GlueServer(trino_port=trino.port).start()
    cloudtrail = CloudTrailApi().start()
    proxy, keys = Proxy(s3_server.url, glue.url).start(), Proxy("", cloudtrail.url).start()
    config = settings.load(folder / "trailhouse.toml", {}, {})
    made = Reached(s3_server, glue, proxy, keys, cloudtrail, config, held)
    for each in databases:
        made.root("glue").create_database(DatabaseInput=each)
    made.root("athena").create_work_group(**group)
    for role in ROLES:
        s3_server.add_user(role, secret(role))
    s3_server.add_user(ACCOUNT, secret(ACCOUNT))
    for bucket in (LOGS, LAKE, RESULTS):
        s3_server.client().create_bucket(Bucket=bucket)
        s3_server.give(bucket, ACCOUNT)
        s3_server.client().put_bucket_policy(Bucket=bucket, Policy=enforced(bucket, held))
    s3_server.client().put_object(Bucket=LAKE, Key="artifacts/trailhouse.toml", Body=told.encode())
    cloudtrail.keys = {ANYWHERE: made.vault.keys}
    trino.start(proxy.glue, proxy.s3, "analyst", secret("analyst"))
    yield made
    for server in (trino, proxy, keys, cloudtrail, glue):
        server.stop()


def enforced(bucket: str, held: dict[str, Statements]) -> str:
    """The roles' statements about a bucket, as its policy: the server knows users and no roles."""
    arn, found = f"arn:aws:s3:::{bucket}", []
    for role in ROLES:
        for each in held[role]:
            actions = [each["Action"]] if isinstance(each["Action"], str) else each["Action"]
            resources = [each["Resource"]] if isinstance(each["Resource"], str) else each["Resource"]
            here = [one for one in resources if one == arn or one.startswith(f"{arn}/")]
            known = sorted(ENFORCED.intersection(actions))
            if here and known:
                principal = {"AWS": [role]}
                found.append({"Effect": each["Effect"], "Principal": principal, "Action": known, "Resource": here})
    return json.dumps({"Version": "2012-10-17", "Statement": found})


# ── the run ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def recorded(reached: Reached, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Call]]:
    """Each command as its role, as far as it goes: what was called, by role."""
    for role in JOBS:
        settle(reached, role)
    feed(reached, tmp_path_factory.mktemp("rules") / "mine.toml")
    prove(reached)
    keep_small(reached)
    show(reached)
    ask(reached)
    look(reached)
    for role, path in WRITERS.items():
        give_up(reached, role, path)
    return reached.called()


def settle(reached: Reached, role: str) -> None:
    """A job begins with its settings, which lie beside its artifacts; those EMR Serverless loads in the same name."""
    with reached.acting_as(role) as config:
        given = {"config": f"s3://{LAKE}/artifacts/trailhouse.toml", "verbose": False}
        assert arguments.load(given) == config


RULE = """[[expectation]]
name = "no_trail_is_deleted"
severity = "critical"
column = "event_name"
not_in = ["DeleteTrail"]
"""


def feed(reached: Reached, rules: Any) -> None:
    """Ingest: the first time, nothing new, more, and a batch that the gate holds."""
    reached.vault.chain("ok", "ok", "ok")
    reached.vault.upload(reached.s3.client())
    rules.write_text(RULE)
    bad = Bucket()
    bad.put(key("bad"), event(900, eventName="DeleteTrail"))
    bad.objects[key("torn")] = b"\x1f\x8b"
    weeks = [datetime(2026, 4, 1, tzinfo=UTC) + timedelta(days=8 * n) for n in range(4)]  # everything is listed again
    with reached.acting_as("ingest") as config:
        first = ingest(config.lake, *config.sources, clock=lambda: weeks[0])
        assert first.status == "published", first.problems
        assert ingest(config.lake, *config.sources, clock=lambda: weeks[1]).status == "nothing_to_do"
        plain(8).upload(reached.s3.client(), LOGS)
        assert ingest(config.lake, *config.sources, clock=lambda: weeks[2]).status == "published"
        bad.upload(reached.s3.client(), LOGS)
        ours = settings.Quality(expectations=str(rules))
        assert ingest(config.lake, *config.sources, clock=lambda: weeks[3], quality=ours).refused


def prove(reached: Reached) -> None:
    """Verify, with keys of CloudTrail's API; and again, when it has them."""
    with reached.acting_as("verify") as config:
        source = replace(config.sources[0], live=False)
        for _ in range(2):
            proof = proof_of(config.lake, source, now=NOW)
            assert not [each for each in proof.digests if each.verdict.verdict != "valid"]
            assert proof.digests and proof.logs


def keep_small(reached: Reached) -> None:
    with reached.acting_as("maintain") as config:
        bounds = settings.Maintain(snapshots_kept=1, metadata_kept=1)
        going = Run(replace(config, maintain=bounds), quiet, session=INLINE, clock=lambda: LATER)
        report = maintain.maintain(going, maintain.Asked())
        assert report.status == "maintained" and not report.problems
        assert sum(told.deleted for told in report.tables)


def show(reached: Reached) -> None:
    """Publish: everything new, nothing new, and what somebody changed or an older release left."""
    with reached.acting_as("publish") as config:
        publish.publish(config)
        assert {each.what for each in publish.publish(config)} == {"unchanged"}
        glue, asked = reached.root("glue"), reached.root("athena")
        view = glue.get_table(DatabaseName="trailhouse", Name="actions")["Table"]
        kept = {name: view[name] for name in ("TableType", "Parameters", "StorageDescriptor", "ViewOriginalText")}
        glue.update_table(DatabaseName="trailhouse", TableInput=kept | {"Name": "actions", "ViewExpandedText": "old"})
        glue.create_table(DatabaseName="trailhouse", TableInput=kept | {"Name": "of_old"})
        named = {"Database": "trailhouse", "WorkGroup": "trailhouse", "Description": publish.MARK}
        asked.create_named_query(Name="of_old", QueryString="SELECT 1", **named)
        first = asked.list_named_queries(WorkGroup="trailhouse")["NamedQueryIds"][0]
        asked.update_named_query(
            NamedQueryId=first, Name=query(asked, first), Description=publish.MARK, QueryString="SELECT 1"
        )
        prepared = {"WorkGroup": "trailhouse", "Description": publish.MARK, "QueryStatement": "SELECT 1"}
        asked.create_prepared_statement(StatementName="of_old", **prepared)
        asked.update_prepared_statement(StatementName="who_did_it", **prepared)
        changes = {(each.kind, each.what) for each in publish.publish(config)}
        kinds = ("view", "named query", "prepared statement")
        assert changes >= {(kind, what) for kind in kinds for what in ("changed", "dropped")}


def query(asked: Any, one: str) -> str:
    return str(asked.get_named_query(NamedQueryId=one)["NamedQuery"]["Name"])


def ask(reached: Reached) -> None:
    """The analyst: a report, a view that joins the ledger, what a console shows, and a query that is given up."""
    with reached.acting_as("analyst") as config:
        report = parameters.bound(
            queries.report("who_did_it"), {"since": "2026-02-01", "until": "2026-04-01"}, NOW.date()
        )
        assert athena.ask(config, report).columns
        (states,) = athena.ask(config, "SELECT count(*) FROM event_integrity WHERE verdict = 'valid'").rows
        assert states[0] > 0
        assert athena.ask(config, "SELECT count(*) FROM ingest_accounting").rows
        client = aws.client("athena")
        assert client.get_work_group(WorkGroup="trailhouse")["WorkGroup"]["Name"] == "trailhouse"
        ids = client.list_named_queries(WorkGroup="trailhouse")["NamedQueryIds"]
        assert query(client, ids[0])
        assert client.list_prepared_statements(WorkGroup="trailhouse")["PreparedStatements"]
        assert client.get_prepared_statement(WorkGroup="trailhouse", StatementName="who_did_it")["PreparedStatement"]
        client.start_query_execution(QueryString="SHOW TABLES FROM trailhouse", WorkGroup="trailhouse")
        client.stop_query_execution(QueryExecutionId=athena._start(client, config, "SELECT count(*) FROM events"))


def look(reached: Reached) -> None:
    """Of the doctor the lake's books; what it asks of AWS's settings is held against moto, which has them."""
    with reached.acting_as("doctor") as config:
        lake = examine.books.read(config.lake)
        assert lake.there and len(lake.held) == 1


def give_up(reached: Reached, role: str, path: str) -> None:
    """A file in parts, of which one can't be sent."""
    with reached.acting_as(role), suppress(OSError):
        upload = encrypted.Upload(f"{LAKE}/lake/{path}", "alias/lake", overwrite=True)
        upload.write(bytes(encrypted.PART))
        fault = Fault("answer", among=lambda r: "partNumber" in r.query, times=99, status=403, code="AccessDenied")
        reached.proxy._fault, reached.proxy._matched = fault, 0
        upload.write(bytes(encrypted.PART))
    reached.proxy._fault = None


# ── what is held against it ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("role", ROLES)
def test_every_call_is_allowed_by_the_policy_of_the_role_that_made_it(reached, recorded, role):
    refused = [str(call) for call in recorded[role] if allowed(reached.held[role], call) is not True]
    assert refused == []
    assert len(recorded[role]) > 10


@pytest.mark.parametrize("role", ROLES)
def test_nothing_that_a_role_lists_is_unused(reached, recorded, role):
    unused = defaultdict(set)
    for each in reached.held[role]:
        for action in [each["Action"]] if isinstance(each["Action"], str) else each["Action"]:
            if each["Effect"] == "Allow" and not any(c.action == action and applies(each, c) for c in recorded[role]):
                unused[each["Sid"]].add(action)
    assert {sid: actions for sid, actions in unused.items() if sid not in UNSEEN} == {}


def test_no_reason_is_kept_for_what_is_seen(reached, recorded):
    for role in ROLES:
        for each in reached.held[role]:
            seen = [c for c in recorded[role] if each["Effect"] == "Allow" and applies(each, c)]
            assert not (seen and each["Sid"] in UNSEEN), each["Sid"]


@pytest.mark.parametrize("role", ROLES)
def test_no_resource_that_a_role_lists_is_unused(reached, recorded, role):
    """Each by itself: a list of five, of which one is never asked for, is too long."""
    unused = []
    for each in reached.held[role]:
        if each["Effect"] == "Deny" or each["Sid"] in UNSEEN or isinstance(each["Resource"], str):
            continue
        for resource in each["Resource"]:
            if not any(applies({**each, "Resource": resource}, call) for call in recorded[role]):
                unused.append(resource)
    assert unused == []


def test_the_owner_of_the_log_bucket_goes_with_every_request_for_it(reached, recorded):
    of_logs = [r for r in reached.proxy.seen.requests if r.service == "s3" and r.path.startswith(f"/{LOGS}")]
    assert {signed(r).who for r in of_logs} == {"ingest", "verify"}
    assert {r.headers.get("x-amz-expected-bucket-owner") for r in of_logs} == {ACCOUNT}


def test_a_bucket_that_is_anothers_now_is_not_read(reached, recorded):
    """S5: the server compares the owner, as S3 does."""
    with reached.acting_as("ingest") as config:
        result = ingest(config.lake, replace(config.sources[0], expected_owner="444455556666"))
        assert [each["reason"] for each in result.problems] == ["access"]


def test_the_requests_say_whose_they_are(reached, recorded):
    """By which an analyst leaves out what Trailhouse itself did."""
    told = reached.keys.seen.requests
    assert told and all("trailhouse/" in r.headers["user-agent"] for r in told)


# ── what the S3 server refuses by the same policies ──────────────────────────────────────────────────────────────────


REFUSED = [
    ("ingest", "delete_object", LAKE, "lake/trailhouse/events/data/x"),
    ("ingest", "put_object", LOGS, "AWSLogs/planted"),
    ("ingest", "delete_object", LOGS, "AWSLogs/x"),
    ("ingest", "put_object", LAKE, "artifacts/jobs/ingest.py"),
    ("verify", "delete_object", LAKE, "lake/trailhouse/integrity/data/x"),
    ("verify", "put_object", LAKE, "lake/trailhouse/events/data/x"),
    ("maintain", "get_object", LOGS, "AWSLogs/x"),
    ("maintain", "delete_object", LAKE, "artifacts/jobs/ingest.py"),
    ("publish", "get_object", LAKE, "lake/trailhouse/events/data/x"),
    ("analyst", "get_object", LAKE, "lake/trailhouse_ops/quarantine/data/x"),
    ("analyst", "get_object", LOGS, "AWSLogs/x"),
    ("analyst", "put_object", LAKE, "lake/trailhouse/events/data/x"),
    ("doctor", "put_object", LAKE, "lake/trailhouse/events/data/x"),
    ("doctor", "get_object", LOGS, "AWSLogs/x"),
]


@pytest.mark.parametrize(("role", "operation", "bucket", "name"), REFUSED, ids=lambda value: str(value))
def test_the_server_refuses_what_the_policy_does(reached, recorded, role, operation, bucket, name):
    """F30: the run above went through with these users, none of which but maintain's can delete."""
    client = reached.s3.client(role, secret(role))
    with pytest.raises(ClientError) as error:
        getattr(client, operation)(Bucket=bucket, Key=name, **({"Body": b""} if operation == "put_object" else {}))
    assert error.value.response["Error"]["Code"] == "AccessDenied"
