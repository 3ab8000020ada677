"""
Names of accounts: from a file that people make in all manner of programs, and from AWS Organizations.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import boto3
import pytest
import urllib3

from tests.buckets import ACCOUNT, OTHER, plain
from tests.faults.glue_server import GlueServer
from tests.ingest.contents import Contents, ingest
from tests.test_cli import UNSAFE, call, last, where
from trailhouse.errors import TrailhouseError, UsageError
from trailhouse.lake import catalog
from trailhouse.upkeep import accounts, organization
from trailhouse.upkeep.accounts import Account

__all__ = ["call"]  # a fixture

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LATER = datetime(2026, 3, 2, tzinfo=UTC)


def saved(folder, text: str | bytes):
    path = folder / "accounts.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


# ── a file ───────────────────────────────────────────────────────────────────────────────────────────────────────────

WRITTEN = {
    "plain": "account_id,name\n000000000012,dev\n",
    "another case": "Account ID,NAME\n000000000012,dev\n",
    "another order": "Name,account-id\ndev,000000000012\n",
    "camel case": "accountId,Name\n000000000012,dev\n",
    "a mark and Windows' line ends": "\ufeffaccount_id,name\r\n000000000012,dev\r\n",
    "quoted": '"account_id","name"\n"000000000012","dev"\n',
    "spaces and blank lines": "account_id , name\n\n 000000000012 , dev \n,\n",
    "semicolons": "account_id;name\n000000000012;dev\n",
    "no last line end": "account_id,name\n000000000012,dev",
}


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_a_file_is_read_however_it_was_written(tmp_path, text):
    assert accounts.read_csv(saved(tmp_path, text)) == [Account("000000000012", "dev")]


def test_every_column_is_read_and_an_empty_cell_is_nothing(tmp_path):
    text = 'account_id,name,owner,organizational_unit,environment\n111122223333,"Web, shop\nand ""more""",,Root/Prod,\n'
    assert accounts.read_csv(saved(tmp_path, text)) == [
        Account(ACCOUNT, 'Web, shop\nand "more"', None, "Root/Prod", None)
    ]


REFUSED = {
    "account_id,nmae\n111122223333,x\n": "unknown column 'nmae'.*did you mean `name`",
    "account_id,colour\n111122223333,x\n": "unknown column 'colour'.*known are account_id",
    "name\nx\n": "no column account_id",
    "": "no column account_id",
    "account_id\n": "no account",
    "account_id,Account ID\n1,2\n": "a column twice",
    "account_id\n12\n": "line 2: '12' is no account id of 12 digits; a spreadsheet",
    "account_id\n1.11122E+11\n": "a spreadsheet drops leading zeros",
    "account_id\n1111222233334\n": "no account id of 12 digits$",
    "account_id\n١١١١٢٢٢٢٣٣٣٣\n": "no account id",
    "account_id,name\n\n111122223333,a\n111122223333,b\n": "line 4: account 111122223333 is there twice",
    "account_id,name\n111122223333\n": "line 2: 1 cells, and the first line names 2",
    'account_id,name\n111122223333,"x\n': "no CSV file",
    b"account_id,name\n111122223333,\xe9\n": "not in UTF-8",
}


@pytest.mark.parametrize("text", REFUSED, ids=REFUSED.values())
def test_what_can_not_be_meant_is_refused_with_its_line(tmp_path, text):
    with pytest.raises(UsageError, match=REFUSED[text]):
        accounts.read_csv(saved(tmp_path, text))


# ── the list ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_list_is_replaced_whole_and_says_what_changed(lake):
    catalog.make_lake(lake)
    a, b, c = Account(ACCOUNT, "a"), Account(OTHER, "b"), Account("000000000012", "c")
    first = accounts.keep(lake, [a, b], NOW, dry_run=False)
    assert (first.added, first.changed, first.removed, first.unchanged) == ((ACCOUNT, OTHER), (), (), 0)
    wanted = [a, Account(OTHER, "b", "dana"), c]
    assert accounts.keep(lake, wanted, LATER, dry_run=True) == accounts.keep(lake, wanted, LATER, dry_run=False)
    rows = {row["account_id"]: row for row in Contents(lake).rows("accounts")}
    assert {number: row["name"] for number, row in rows.items()} == {ACCOUNT: "a", OTHER: "b", "000000000012": "c"}
    assert rows[OTHER]["owner"] == "dana"
    assert [rows[n]["updated_at"].day for n in (ACCOUNT, OTHER, "000000000012")] == [1, 2, 2]
    last = accounts.keep(lake, [c], LATER, dry_run=False)
    assert (last.removed, last.unchanged) == ((ACCOUNT, OTHER), 1)
    assert accounts.names(catalog.open_lake(lake)) == {"000000000012": "c"}


def test_the_same_list_again_commits_nothing(lake):
    catalog.make_lake(lake)
    for when in (NOW, LATER):
        accounts.keep(lake, [Account(ACCOUNT, "a"), Account(OTHER)], when, dry_run=False)
    assert len(Contents(lake).history("accounts")) == 2


def test_there_is_no_list_without_a_lake(lake):
    with pytest.raises(UsageError, match="there is no lake"):
        accounts.keep(lake, [Account(ACCOUNT)], NOW, dry_run=False)


# ── the command ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_command_says_what_changed_and_status_shows_the_name(call, tmp_path):
    lake = tmp_path / "lake"
    ingest(where(lake), plain(8).save(tmp_path / "logs"))
    file = saved(tmp_path, f"account_id,name\n{ACCOUNT},Web shop\n000000000012,unused\n")
    code, out, _ = call("accounts", "import", file, "--lake", lake, "--dry-run", "--format", "json")
    assert (code, last(out)["status"], last(out)["added"]) == (0, "planned", ["000000000012", ACCOUNT])
    assert call("accounts", "list", "--lake", lake, "--format", "json")[1] == ""
    code, out, _ = call("accounts", "import", file, "--lake", lake)
    assert code == 0 and f"2: 000000000012, {ACCOUNT}" in out
    code, out, _ = call("accounts", "list", "--lake", lake, "--format", "json")
    assert json.loads(out.splitlines()[0])["account_id"] == "000000000012"
    told = last(call("status", "--lake", lake, "--format", "json")[1])
    assert {row["account_id"]: row["name"] for row in told["accounts"]} == {ACCOUNT: "Web shop", OTHER: None}


@pytest.mark.parametrize("arguments", [[], ["{file}", "--organizations"], ["{folder}/none.csv"]], ids=str)
def test_wrong_usage_of_the_command(call, tmp_path, arguments):
    file = saved(tmp_path, f"account_id\n{ACCOUNT}\n")
    given = [a.format(file=file, folder=tmp_path) for a in arguments]
    assert call("accounts", "import", *given, "--lake", tmp_path / "lake")[0] == 2


def test_a_hostile_name_does_nothing_in_a_terminal(call, tmp_path):
    lake = tmp_path / "lake"
    ingest(where(lake), plain(8).save(tmp_path / "logs"))
    file = saved(tmp_path, f'account_id,name\n{ACCOUNT},"\x1b[2J\x1b]0;owned\x07\u202eabc=1+1"\n')
    assert call("accounts", "import", file, "--lake", lake)[0] == 0
    for arguments in (["accounts", "list"], ["status"]):
        out = call(*arguments, "--lake", lake)[1]
        assert "owned" in out and not UNSAFE.search(out)


# ── AWS Organizations ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def server():
    made = GlueServer(honest=False).start()
    yield made
    made.stop()


@pytest.fixture
def aws(server, aws_env):
    """AWS's own configuration pointing at moto's server, empty."""
    for name, value in {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        aws_env.setenv(name, value)
    urllib3.request("POST", f"{server.url}/moto-api/reset")
    return boto3.client("organizations", region_name="us-east-1", endpoint_url=server.url)


def made_organization(client) -> dict[str, str]:
    """Three accounts, one in a unit within a unit."""
    client.create_organization(FeatureSet="ALL")
    root = client.list_roots()["Roots"][0]["Id"]
    outer = client.create_organizational_unit(ParentId=root, Name="Workloads")["OrganizationalUnit"]["Id"]
    inner = client.create_organizational_unit(ParentId=outer, Name="Production")["OrganizationalUnit"]["Id"]
    ids = {}
    for name, place in (("shop", inner), ("sandbox", root), ("tools", outer)):
        made = client.create_account(AccountName=name, Email=f"{name}@example.com")
        ids[name] = made["CreateAccountStatus"]["AccountId"]
        if place != root:
            client.move_account(AccountId=ids[name], SourceParentId=root, DestinationParentId=place)
    tags = [{"Key": "Owner", "Value": "dana"}, {"Key": "environment", "Value": "production"}]
    client.tag_resource(ResourceId=ids["shop"], Tags=tags)
    return ids


def test_an_organization_is_read_with_its_units_and_tags(aws):
    with pytest.raises(UsageError, match="in no organization"):
        organization.accounts()
    ids = made_organization(aws)
    found = {account.name: account for account in organization.accounts()}
    assert found["shop"] == Account(ids["shop"], "shop", "dana", "Root/Workloads/Production", "production")
    assert found["tools"] == Account(ids["tools"], "tools", None, "Root/Workloads", None)
    assert found["sandbox"].organizational_unit == "Root"
    assert all(re.fullmatch("[0-9]{12}", account.account_id) for account in found.values())


@pytest.mark.parametrize("operation", ["ListRoots", "ListTagsForResource"])
def test_a_missing_right_is_named(aws, operation):
    from trailhouse.sources import aws as clients

    made_organization(aws)
    client = clients.client("organizations")

    def refuse(model, **_):
        if model.name == operation:
            raise client.exceptions.AccessDeniedException(
                {"Error": {"Code": "AccessDeniedException", "Message": "no"}}, operation
            )

    client.meta.events.register("before-call.organizations", refuse)
    with pytest.raises(TrailhouseError, match=rf"refused organizations:{operation}: .*delegated administrator"):
        organization.accounts()


def test_a_server_that_is_not_there_is_said(aws_env):
    for name, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
    }.items():
        aws_env.setenv(name, value)
    aws_env.setenv("AWS_DEFAULT_REGION", "us-east-1")
    aws_env.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(TrailhouseError, match="could not be asked"):
        organization.accounts()
