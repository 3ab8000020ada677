"""Which calls a policy allows, by IAM's own rules: one statement for each."""

from __future__ import annotations

import pytest

from trailhouse.doctor.rights import Call, allowed, bounded, conditions, everybody, meet, service, statements

KEY = "arn:aws:s3:::lake/a/b"


def statement(effect="Allow", action="s3:GetObject", resource="arn:aws:s3:::lake/*", **more):
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def given(operator, key, value):
    return {"Condition": {operator: {key: value}}}


@pytest.mark.parametrize(
    ("held", "asked", "answer"),
    [
        ([], Call("s3:GetObject", KEY), False),
        ([statement()], Call("s3:GetObject", KEY), True),
        ([statement(action="S3:getobject")], Call("s3:GetObject", KEY), True),
        ([statement(action=["s3:Put*", "s3:Get?bject"])], Call("s3:GetObject", KEY), True),
        ([statement(action="*", resource="*")], Call("iam:PassRole", "arn:aws:iam::111122223333:role/x"), True),
        ([statement()], Call("s3:GetObjectVersion", KEY), False),
        ([statement()], Call("s3:GetObject", "arn:aws:s3:::lakes/a"), False),
        ([statement(resource="arn:aws:s3:::LAKE/*")], Call("s3:GetObject", KEY), False),
        ([statement(resource="arn:aws:s3:::lake/?/b")], Call("s3:GetObject", KEY), True),
        ([statement(resource="arn:aws:s3:::lake.*")], Call("s3:GetObject", KEY), False),
        ([statement(), statement("Deny", "s3:*")], Call("s3:GetObject", KEY), False),
        ([statement(), statement("Deny", "s3:Put*")], Call("s3:GetObject", KEY), True),
        ([{"Effect": "Allow", "NotAction": "s3:Delete*", "Resource": "*"}], Call("s3:GetObject", KEY), True),
        ([{"Effect": "Allow", "NotAction": "s3:Get*", "Resource": "*"}], Call("s3:GetObject", KEY), False),
        (
            [{"Effect": "Allow", "Action": "s3:*", "NotResource": "arn:aws:s3:::lake/*"}],
            Call("s3:GetObject", KEY),
            False,
        ),
        ([{"Effect": "Allow", "Action": "sts:AssumeRole"}], Call("sts:AssumeRole", "*"), True),
    ],
)
def test_statements_are_judged_as_iam_does(held, asked, answer):
    assert allowed(held, asked) is answer


@pytest.mark.parametrize(
    ("operator", "wanted", "value", "answer"),
    [
        ("StringEquals", "a", "a", True),
        ("StringEquals", "a", "A", False),
        ("StringEquals", ["a", "b"], "b", True),
        ("StringEquals", "a*", "ab", False),
        ("StringEquals", "a", None, False),
        ("StringEqualsIfExists", "a", None, True),
        ("StringEqualsIgnoreCase", "a", "A", True),
        ("StringNotEquals", "a", "b", True),
        ("StringNotEquals", ["a", "b"], "b", False),
        ("StringNotEquals", "a", None, True),
        ("StringLike", "lake/*", "lake/x/y", True),
        ("StringLike", "lake/*", "lake", False),
        ("StringNotLike", "lake/*", "other", True),
        ("ArnLike", "arn:aws:iam::*:role/x", "arn:aws:iam::111122223333:role/x", True),
        ("ArnNotEquals", "arn:aws:iam::111122223333:role/x", "arn:aws:iam::111122223333:role/x", False),
        ("Bool", "false", "false", True),
        ("Bool", False, "true", False),
        ("Bool", False, "false", True),
        ("Bool", True, "true", True),
        ("NumericLessThan", 1.2, "1.1", None),
        ("StringEquals", [], "a", False),
        ("Bool", "true", None, False),
        ("Null", "true", None, True),
        ("Null", "false", None, False),
        ("Null", "false", "x", True),
        ("ForAnyValue:StringLike", ["x", "a*"], "ab", True),
        ("IpAddress", "192.0.2.0/24", "192.0.2.7", None),
        ("ForAllValues:StringEquals", "a", "a", None),
        ("StringLike", "${aws:username}/*", "ann/x", None),
    ],
)
def test_conditions_are_judged_as_iam_does_or_not_at_all(operator, wanted, value, answer):
    held = [statement(**given(operator, "aws:Thing", wanted))]
    assert allowed(held, Call("s3:GetObject", KEY, {} if value is None else {"aws:thing": value})) is answer


def test_every_condition_must_hold():
    both = {"Condition": {"StringEquals": {"a:x": "1", "a:y": "2"}, "Bool": {"a:z": "true"}}}
    whole = {"a:x": "1", "a:y": "2", "a:z": "true"}
    assert allowed([statement(**both)], Call("s3:GetObject", KEY, whole))
    for key in whole:
        assert not allowed([statement(**both)], Call("s3:GetObject", KEY, whole | {key: "0"}))


def test_a_denial_that_cannot_be_judged_leaves_it_open():
    unknown = statement("Deny", **given("IpAddress", "aws:SourceIp", "192.0.2.0/24"))
    assert allowed([statement(), unknown], Call("s3:GetObject", KEY)) is None
    assert allowed([unknown], Call("s3:GetObject", KEY)) is False
    assert allowed([statement(), unknown, statement("Deny")], Call("s3:GetObject", KEY)) is False


OF_LAKE, OF_A = "arn:aws:s3:::lake/*", "arn:aws:s3:::lake/a/*"


@pytest.mark.parametrize(
    ("held", "answer"),
    [
        ([statement(resource=OF_A)], True),
        ([statement(resource="arn:aws:s3:::lake/a/b")], True),
        ([statement(resource="arn:aws:s3:::lakes/*")], False),
        ([statement(), statement("Deny", resource=OF_A)], True),
        ([statement(), statement("Deny")], False),
        ([statement(), statement("Deny", resource="arn:aws:s3:::*")], False),
        ([statement(resource=OF_A), {"Effect": "Deny", "Action": "*", "NotResource": OF_A}], True),
        ([statement(), {"Effect": "Deny", "Action": "*", "NotResource": "arn:aws:s3:::other/*"}], False),
        ([{"Effect": "Allow", "Action": "*", "NotResource": OF_A}], True),
        ([{"Effect": "Allow", "Action": "*", "NotResource": OF_LAKE}], False),
    ],
)
def test_of_any_of_many_one_is_enough_to_allow_and_all_must_be_denied(held, answer):
    assert allowed(held, Call("s3:GetObject", OF_LAKE)) is answer


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("", "", True), ("a", "a", True), ("a", "b", False), ("*", "", True), ("**", "", True), ("?", "", False),
        ("a*", "*b", True), ("a*c", "ab*", True), ("a?c", "a*", True), ("a*", "b*", False), ("*a", "*b", False),
        ("a?", "a", False), ("a*a", "a", False), ("x/*/z", "x/y*", True),
    ],
)  # fmt: skip
def test_patterns_meet_where_some_text_fits_both(one, other, both):
    assert meet(one, other) is meet(other, one) is both


ACCOUNT = "111122223333"


@pytest.mark.parametrize(
    ("operator", "key", "value", "some"),
    [
        ("StringEquals", "aws:SourceArn", f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/x", True),
        ("StringLike", "AWS:SourceArn", f"arn:aws:cloudtrail:*:{ACCOUNT}:trail/*", True),
        ("ArnLike", "aws:SourceArn", "arn:aws:cloudtrail:*:*:trail/*", False),
        ("ArnLike", "aws:SourceArn", [f"arn:aws:cloudtrail:*:{ACCOUNT}:trail/x", "arn:aws:cloudtrail:*:*:trail/x"], False),
        ("ArnLike", "aws:SourceArn", "arn:aws:s3:::my-bucket", True),
        ("ArnLike", "aws:SourceArn", "arn:aws:s3:::*", False),
        ("StringLike", "aws:SourceArn", "*", False),
        ("StringEquals", "aws:SourceAccount", ACCOUNT, True),
        ("StringNotEquals", "aws:SourceAccount", ACCOUNT, False),
        ("StringEqualsIfExists", "aws:SourceAccount", ACCOUNT, False),
        ("Null", "aws:SourceArn", "false", False),
        ("StringEquals", "aws:PrincipalOrgID", "o-abcdefghij", True),
        ("IpAddress", "aws:SourceIp", "192.0.2.0/24", True),
        ("IpAddress", "aws:SourceIp", ["192.0.2.0/24", "0.0.0.0/0"], False),
        ("StringLike", "aws:Referer", "https://example.com/*", False),
        ("Bool", "aws:SecureTransport", True, False),
        ("StringEquals", "sts:ExternalId", "x", False),
    ],
)  # fmt: skip
def test_a_condition_that_anybody_can_meet_names_nobody(operator, key, value, some):
    assert bounded(statement(**given(operator, key, value))) is some


def test_whom_a_statement_is_about():
    assert everybody({"NotPrincipal": {"AWS": "arn:aws:iam::111122223333:root"}}), "all but one"
    assert everybody({"Principal": "*"}) and everybody({"Principal": {"AWS": ["x", "*"]}})
    assert not everybody({"Principal": {"AWS": "arn:aws:iam::111122223333:root"}}) and not everybody({})
    assert service({"Principal": {"Service": ["x", "cloudtrail.amazonaws.com"]}}, "cloudtrail.amazonaws.com")
    assert not service({"Principal": "*"}, "cloudtrail.amazonaws.com")
    assert statements({"Statement": {"Effect": "Allow"}}) == ({"Effect": "Allow"},)
    assert conditions({"Condition": {"StringLike": {"aws:SourceArn": "x"}}}) == {"aws:sourcearn": ["x"]}
