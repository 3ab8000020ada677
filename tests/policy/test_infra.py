"""What lies in infra/: clean to cfn-lint, explained parameter by parameter, and nothing in it deletes data with its stack."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from cfnlint.decode import cfn_yaml

from tests.policy.tree import ROOT
from trailhouse.doctor import checks

TEMPLATES = sorted((ROOT / "infra").glob("*.yaml"))
README = (ROOT / "infra" / "README.md").read_text("utf-8")
# A work group holds what people saved in it; AWS deletes only an empty one, so that without this no stack could be.
DATA = (
    "AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::KMS::Key", "AWS::Glue::Database", "AWS::CloudTrail::Trail",
    "AWS::Athena::WorkGroup", "AWS::Logs::LogGroup",
)  # fmt: skip


class Loader(yaml.SafeLoader):
    """Takes CloudFormation's short forms for what follows them: here nobody asks what they come to."""


def plain(loader: Loader, _suffix: str, node: yaml.Node) -> object:
    if isinstance(node, yaml.ScalarNode):
        return node.value
    return loader.construct_sequence(node) if isinstance(node, yaml.SequenceNode) else loader.construct_mapping(node)


Loader.add_multi_constructor("!", plain)


def template(path) -> dict:
    return yaml.load(path.read_text("utf-8"), Loader)


def lint(*paths: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), *map(str, paths)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_templates_are_clean():
    done = lint(*TEMPLATES)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_is_not_clean_is_found(tmp_path):
    broken = tmp_path / "trail.yaml"
    text = (ROOT / "infra" / "trail.yaml").read_text("utf-8")
    broken.write_text(text.replace("IsMultiRegionTrail: true", "IsMultiRegionTrial: true"))
    done = lint(broken)
    assert done.returncode != 0 and "IsMultiRegionTrial" in done.stdout


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_fits_into_one_request(path):
    """Or whoever deploys it needs a bucket to put it into first."""
    assert path.stat().st_size < 51_200


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_parameter_is_explained(path):
    named = set(template(path)["Parameters"])
    assert named <= set(re.findall(r"`(\w+)`", README))
    pattern = {name: its for name, its in template(path)["Parameters"].items() if its["Type"] == "String"}
    assert [name for name, its in pattern.items() if "AllowedPattern" not in its and "AllowedValues" not in its] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_data_goes_with_its_stack(path):
    for name, its in template(path)["Resources"].items():
        if its["Type"] in DATA:
            assert (its.get("DeletionPolicy"), its.get("UpdateReplacePolicy")) == ("Retain", "Retain"), name


def holds(told: object, given: dict[str, object]) -> object:
    """What CloudFormation makes of the functions that a template's Rules use."""
    if not isinstance(told, dict):
        return told
    ((name, value),) = told.items()
    if name == "Ref":
        return given[value]
    values = [holds(each, given) for each in value]
    return {
        "Fn::Not": lambda: not values[0],
        "Fn::Equals": lambda: values[0] == values[1],
        "Fn::Contains": lambda: values[1] in values[0],
        "Fn::EachMemberEquals": lambda: all(each == values[1] for each in values[0]),
    }[name]()


@pytest.mark.parametrize(
    ("name", "given", "may"),
    [
        ("lake", {"SubnetIds": [""], "SecurityGroupIds": [""]}, True),
        ("lake", {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}, True),
        ("lake", {"SubnetIds": ["subnet-1"], "SecurityGroupIds": [""]}, False),
        ("log-bucket", {"ArchiveClass": "GLACIER_IR", "ArchiveAfterDays": "1"}, True),
        ("log-bucket", {"ArchiveClass": "STANDARD_IA", "ArchiveAfterDays": "30"}, True),
        ("log-bucket", {"ArchiveClass": "STANDARD_IA", "ArchiveAfterDays": "0"}, True),
        ("log-bucket", {"ArchiveClass": "STANDARD_IA", "ArchiveAfterDays": "29"}, False),
        ("log-bucket", {"ArchiveClass": "STANDARD_IA", "ArchiveAfterDays": "1"}, False),
    ],
)
def test_parameters_that_do_not_go_together_are_refused_before_anything_is_made(name, given, may):
    told = cfn_yaml.load(str(ROOT / "infra" / f"{name}.yaml"))
    refused = [
        each["AssertDescription"]
        for rule in told["Rules"].values()
        if holds(rule["RuleCondition"], given)
        for each in rule["Assertions"]
        if not holds(each["Assert"], given)
    ]
    assert bool(refused) is not may


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_prefix_begins_and_ends_within_the_bucket(path):
    """A `*` in it would be one in policies, and S3's key prefix has at most 200 characters."""
    (pattern,) = {
        its["AllowedPattern"] for name, its in template(path)["Parameters"].items() if name.endswith("Prefix")
    }
    for text, may in [("", True), ("a", True), ("org/logs", True), ("a" * 200, True), ("a" * 201, False), ("/a", False),
                      ("a/", False), ("*", False), ("a*b", False)]:  # fmt: skip
        assert bool(re.fullmatch(pattern, text)) is may, text


@pytest.mark.parametrize("word", checks.CHECKS)
def test_a_word_of_the_doctor_is_explained(word):
    assert f"| `{word}` |" in (ROOT / "docs" / "doctor.md").read_text("utf-8")


def test_what_the_doctor_says_to_set_is_a_parameter():
    """A mend that names one that no template has helps nobody."""
    known = {name for path in TEMPLATES for name in template(path)["Parameters"]}
    mends = " ".join(each.mend for each in checks.CHECKS.values())
    named = set(
        re.findall(
            r"\b(\w+Days|\w+Buckets|ManagementReads|Insights|OfOrganization|OrganizationId|Schedules|\w+Class|\w+Bytes)\b",
            mends,
        )
    )
    assert named and named <= known


def test_what_the_doctor_says_to_copy_is_in_the_template_that_it_names():
    for word, its in checks.CHECKS.items():
        for statement in re.findall(r"statement (\w+) of infra/log-bucket", its.mend):
            assert f"Sid: {statement}\n" in (ROOT / "infra" / "log-bucket.yaml").read_text("utf-8"), word
