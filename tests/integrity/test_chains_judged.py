"""Histories in words, and what verify says of them: what is legitimate is valid, what nothing explains is a finding."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.buckets import ABROAD, ACCOUNT, OTHER, REGION
from tests.integrity.chains import ATTACKER, FIRST, HOUR, SECOND, START, Chain, Key, Trail, Vault, signed
from tests.integrity.verifying import wrong
from tests.integrity.without_lake import Desk, counted, gaps, proven, verdict_of
from trailhouse.integrity import evidence

EVENING = datetime(2026, 3, 1, 20, 12, 33, tzinfo=UTC)  # the fourth hour ends after midnight
DAY, NEXT = date(2026, 3, 1), date(2026, 3, 2)


@pytest.fixture
def ask(tmp_path) -> Desk:
    return Desk(tmp_path)


def chain(*words: str, **how) -> tuple[Vault, Chain]:
    vault = Vault()
    return vault, vault.chain(*words, **how)


def says(vault: Vault, log: str, event: str, **parameters: object) -> None:
    """The trail's event of a log file says more; whatever is signed over it is signed anew."""
    content = json.loads(vault.inflated(log))
    (told,) = [each for each in content["Records"] if each["eventName"] == event]
    told["requestParameters"] |= parameters
    _put(vault, log, content)


def fails(vault: Vault, log: str, event: str) -> None:
    """The same event was an error."""
    content = json.loads(vault.inflated(log))
    (told,) = [each for each in content["Records"] if each["eventName"] == event]
    told["errorCode"] = "AccessDenied"
    _put(vault, log, content)


def _put(vault: Vault, log: str, content: object) -> None:
    vault.objects[log] = replace(vault.objects[log], data=gzip.compress(json.dumps(content).encode(), mtime=0))
    (digest,) = [
        key
        for key in vault.objects
        if "/CloudTrail-Digest/" in key and any(each["s3Object"] == log for each in vault.body(key)["logFiles"])
    ]
    body = vault.body(digest)
    body["logFiles"] = [vault.entry(each["s3Object"]) for each in body["logFiles"]]
    times = [(each["newestEventTime"], each["oldestEventTime"]) for each in body["logFiles"]]
    body |= {"newestEventTime": max(new for new, _ in times), "oldestEventTime": min(old for _, old in times)}
    vault.rewrite(digest, body)


# ── restarts ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("words", "verdict", "found"),
    [
        (("ok",), "valid", []),
        (("empty", "empty"), "valid", []),
        (("ok", "backfill", "empty", "ok", "backfill"), "valid", []),
        (("ok", "restart", "ok"), "valid", [("valid", "restart")]),
        (("ok", "restart", "restart", "ok"), "valid", [("valid", "restart")] * 2),
        (("ok", "unexplained", "ok"), "unexplained", [("unexplained", "restart")]),
        (("ok+StopLogging", "unexplained", "ok"), "unexplained", [("unexplained", "restart")]),
        (("ok", "unexplained+StartLogging", "ok"), "unexplained", [("unexplained", "restart")]),
        (("ok+StopLogging", "unexplained+StartLogging"), "valid", [("valid", "restart")]),
        (("ok+DeleteTrail", "unexplained+CreateTrail"), "valid", [("valid", "restart")]),
        (("ok+DeleteTrail", "unexplained"), "unexplained", [("unexplained", "restart")]),
        (("ok+StopLogging", "ok", "ok", "ok", "unexplained+StartLogging"), "unexplained", [("unexplained", "restart")]),
        (("ok", "missing", "ok"), "missing", [("missing", "missing")]),
        (("missing", "ok"), "missing", [("missing", "missing")]),
    ],
)
def test_what_a_chain_of_these_words_comes_to(ask, words, verdict, found):
    proof = ask(chain(*words)[0])
    assert (proof.verdict, gaps(proof)) == (verdict, found)


def test_validation_that_was_turned_off_and_on_explains_a_pause(ask):
    vault, made = chain("ok+UpdateTrail", "unexplained+UpdateTrail", "ok")
    assert ask(vault).verdict == "unexplained", "nothing says what was updated"
    says(vault, made.hours[0].logs[0], "UpdateTrail", enableLogFileValidation=False)
    says(vault, made.hours[1].logs[0], "UpdateTrail", enableLogFileValidation=True)
    assert gaps(ask(vault)) == [("valid", "restart")]


@pytest.mark.parametrize("which", ["StopLogging", "StartLogging"])
def test_a_call_that_failed_explains_nothing(ask, which):
    vault, made = chain("ok", "restart", "ok")
    fails(vault, made.hours[0].logs[1] if which == "StopLogging" else made.hours[1].logs[0], which)
    assert gaps(ask(vault)) == [("unexplained", "restart")]


def test_a_call_of_another_trail_explains_nothing(ask):
    vault, _ = chain("ok", "unexplained", "ok")
    vault.chain("ok", "restart", "ok", trail=Trail("other", prefix="other"))
    assert sorted(gaps(ask(vault))) == [("unexplained", "restart"), ("valid", "restart")]


def test_a_call_in_another_account_about_a_trail_of_the_same_name_explains_nothing(ask):
    vault, _ = chain("ok", "unexplained", "ok")
    vault.chain("ok", "restart", "ok", trail=Trail(account=OTHER))
    assert sorted(gaps(ask(vault))) == [("unexplained", "restart"), ("valid", "restart")]


def test_the_call_that_stops_an_organizations_trail_stands_in_its_own_account_and_explains_all(ask):
    vault, organization = Vault(), "o-abcdefghij"
    vault.chain("ok", "restart", "ok", trail=Trail(organization=organization))
    for number, account in enumerate((OTHER, "777788889999")):
        trail = Trail(account=account, organization=organization, owner=ACCOUNT)
        vault.chain("ok", "unexplained", "ok", trail=trail, start=START + number * timedelta(minutes=5))
    assert gaps(ask(vault)) == [("valid", "restart")] * 3


def test_a_call_in_a_log_file_that_is_not_sound_explains_nothing(ask):
    vault, made = chain("ok", "restart", "ok")
    key = made.hours[0].logs[1]
    vault.objects[key] = replace(vault.objects[key], data=vault.objects[key].data[:-8] + bytes(8))
    assert ("unexplained", "restart") in gaps(ask(vault))


def test_log_files_of_a_pause_are_covered_by_nothing_and_unchecked(ask):
    vault, made = chain("ok", "restart", "ok")
    key = vault.put_log(made.trail, made.hours[0].end + timedelta(minutes=50))
    assert verdict_of(ask(vault), key) == ("unchecked", ("not_covered",))


# ── other names, other places ────────────────────────────────────────────────────────────────────────────────────────


def moved_on(vault: Vault, made: Chain, after: Trail, *words: str) -> Chain:
    """The chain goes on as another trail's, or elsewhere, linked to what was before."""
    rest = vault.chain(*words, trail=after, start=made.end)
    first = rest.digests[0]
    vault.rewrite(first, vault.body(first) | vault.link(made.digests[-1]))
    return rest


@pytest.mark.parametrize("after", [Trail("renamed"), Trail(prefix="else/where"), Trail("renamed", prefix="else")])
def test_a_chain_that_goes_on_under_another_name_or_prefix_is_one(ask, after):
    vault, made = chain("ok", "ok")
    rest = moved_on(vault, made, after, *["ok"] * 4)
    proof = ask(vault)
    assert (proof.verdict, gaps(proof)) == ("valid", []), wrong(proof)
    del vault.objects[made.digests[-1]]
    proof = ask(vault)
    assert [(gap.verdict.verdict, gap.since, gap.until) for gap in proof.gaps if gap.key == made.digests[-1]] == [
        ("missing", made.hours[-1].start.replace(tzinfo=None), rest.start.replace(tzinfo=None))
    ]


# ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_keys_of_both_forms_and_a_rotation_on_the_hour(ask):
    first = replace(FIRST, spki=True, until=START + 2 * HOUR)
    second = replace(SECOND, since=START + 2 * HOUR)
    vault = Vault(keys=(first, second))
    vault.chain(*["ok"] * 4, signers={0: first, 2: second})
    assert ask(vault).verdict == "valid"


@pytest.mark.parametrize("until", [timedelta(days=-3), timedelta(days=3)])
def test_a_key_of_another_time_signs_nothing_that_can_be_trusted(ask, until):
    odd = Key("odd", since=START + until - HOUR, until=START + until)
    vault = Vault(keys=(odd,))
    made = vault.chain("ok", "ok")
    assert verdict_of(ask(vault), made.digests[0]) == ("unchecked", ("key_period",))


def test_without_the_key_everything_is_unchecked_and_no_more(ask):
    vault, _ = chain("ok", "backfill", "restart", "empty", "ok")
    keys, vault.keys = vault.keys, ()
    proof = ask(vault)
    assert counted(proof).keys() == {"unchecked"}
    assert proof.verdict == "unchecked", wrong(proof)
    vault.keys = keys
    assert ask(vault).verdict == "valid"


def test_without_one_of_two_keys_only_what_it_signed_is_unchecked(ask):
    vault, made = chain(*["ok"] * 4, signers={0: FIRST, 2: SECOND})
    vault.keys = (FIRST,)
    proof = ask(vault)
    assert [verdict_of(proof, key)[0] for key in made.digests] == ["valid", "valid", "unchecked", "unchecked"]
    assert not proof.has_finding, wrong(proof)


def test_a_trail_that_was_stopped_is_no_finding_where_the_key_is_missing(ask):
    vault, _ = chain("ok", "ok+StopLogging")
    vault.keys = ()
    assert gaps(ask(vault, live=True)) == [("unchecked", "stopped")]
    vault, _ = chain("ok", "ok")
    vault.keys = ()
    assert gaps(ask(vault, live=True)) == [("missing", "silence")]


def test_a_copy_without_signatures_is_accused_of_no_restart(ask):
    """Of the digest before a restart no later one says the signature again, and the call stands in a file of its hour."""
    vault, made = chain("ok", "restart", "ok")
    vault.objects[made.digests[0]] = replace(vault.objects[made.digests[0]], metadata={})
    assert gaps(ask(vault)) == [("unchecked", "restart")]
    vault, made = chain("ok", "unexplained", "ok")
    vault.objects[made.digests[0]] = replace(vault.objects[made.digests[0]], metadata={})
    assert gaps(ask(vault)) == [("unexplained", "restart")]


# ── the newest end ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_newest_digest_is_withheld_until_it_is_due_and_then_missing(ask):
    vault, made = chain("ok", "ok", "ok")
    newest = made.digests[-1]
    withheld = vault.objects.pop(newest)
    for minutes, verdict in ((1, "unchecked"), (119, "unchecked"), (121, "missing")):
        proof = ask(vault, now=made.end + timedelta(minutes=minutes), live=True)
        assert proof.verdict == verdict, wrong(proof)
    assert gaps(proof) == [("missing", "silence")]
    vault.objects[newest] = withheld
    assert ask(vault, now=made.end + timedelta(minutes=121), live=True).verdict == "valid"


def test_a_chain_that_is_live_must_reach_today(ask):
    vault, _ = chain("ok", "ok")
    assert ask(vault).verdict == "valid", "whether it is, nobody has said"
    assert gaps(ask(vault, live=True)) == [("missing", "silence")]


def test_a_trail_that_was_stopped_is_silent_with_reason(ask):
    assert gaps(ask(chain("ok", "ok+StopLogging")[0], live=True)) == [("valid", "stopped")]
    assert gaps(ask(chain("ok+StopLogging", "ok", "ok", "ok")[0], live=True)) == [("missing", "silence")]


def test_a_chain_that_ends_before_its_neighbours_is_a_finding(ask):
    vault, made = chain("ok", "ok", "ok", "ok")
    vault.chain("ok", "ok", trail=Trail(account=OTHER))
    proof = ask(vault)
    assert [(gap.account_id, gap.verdict.checks, gap.since) for gap in proof.gaps] == [
        (OTHER, ("silence",), made.hours[1].end.replace(tzinfo=None))
    ]


def test_digests_that_come_out_of_order_are_whole_in_the_end(ask):
    vault, made = chain("ok", "ok", "ok", "ok")
    late = {key: vault.objects.pop(key) for key in made.digests[1:3]}
    for key in reversed(late):
        proof = ask(vault)
        assert proof.verdict == "missing"
        vault.objects[key] = late[key]
    assert ask(vault).verdict == "valid"


def test_of_digests_gone_in_a_row_the_whole_time_is_told(ask):
    vault, made = chain(*["ok"] * 6)
    for hour in made.hours[1:4]:
        del vault.objects[hour.digest]
    (gap,) = ask(vault).gaps
    assert (gap.since, gap.until) == tuple(at.replace(tzinfo=None) for at in (made.hours[1].start, made.hours[3].end))


def test_each_day_of_a_gap_is_told(ask):
    vault, _ = chain("ok", "unexplained", "ok", pause=timedelta(days=3))
    days = {each["day"]: each["verdict"] for each in evidence.evidence(ask(vault), "x")["days"]}
    assert {f"2026-03-0{number}": "unexplained" for number in (1, 2, 3, 4)}.items() <= days.items()


# ── two trails ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_trail_whose_digest_comes_later_than_another_ones_is_not_accused(ask):
    vault, made = chain("ok", "ok", "ok")
    vault.chain("ok", "ok", "ok", trail=Trail("second", prefix="second"), start=START + timedelta(minutes=40))
    del vault.objects[made.digests[-1]]
    proof = ask(vault, now=made.end + timedelta(minutes=50))
    assert {verdict_of(proof, key) for key in made.hours[-1].logs} == {("unchecked", ("not_yet",))}
    assert not proof.has_finding, wrong(proof)


def test_a_log_file_whose_own_digest_is_gone_is_not_unlisted_because_another_trail_has_digests(ask):
    vault, made = chain("ok", "missing", "ok")
    vault.chain("ok", "ok", "ok", trail=Trail("second", prefix="second"))
    proof = ask(vault)
    assert {verdict_of(proof, key) for key in made.hours[1].logs} == {("unchecked", ("digest_missing",))}


def test_a_planted_log_file_is_unlisted_where_all_trails_have_their_digests(ask):
    vault, made = chain("ok", "ok", "ok")
    vault.chain("ok", "ok", "ok", trail=Trail("second", prefix="second"))
    key = vault.put_log(made.trail, made.hours[1].start + timedelta(minutes=32))
    assert verdict_of(ask(vault), key) == ("unlisted", ("unlisted",))


def test_a_trail_that_ended_long_before_excuses_no_planted_log_file(ask):
    vault, made = chain(*["ok"] * 6)
    vault.chain("ok", "ok+StopLogging", trail=Trail("second", prefix="second"))
    key = vault.put_log(made.trail, made.hours[4].start + timedelta(minutes=32))
    assert verdict_of(ask(vault), key) == ("unlisted", ("unlisted",))


def test_a_digest_that_is_planted_with_a_log_file_excuses_it_not(ask):
    vault, made = chain(*["ok"] * 6)
    key = vault.put_log(made.trail, made.hours[2].start + timedelta(minutes=32))
    body = vault.body(made.digests[2])
    digest = made.digests[2].replace("_main_", "_evil_")
    vault.objects[digest] = signed(body | {"digestS3Object": digest, "digestPublicKeyFingerprint": None}, ATTACKER)
    proof = ask(vault)
    assert verdict_of(proof, digest) == ("unchecked", ("no_key",))
    assert verdict_of(proof, key) == ("unlisted", ("unlisted",))


# ── the period ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_since_the_middle_of_a_chain_nothing_before_is_judged_but_what_a_digest_lists(ask):
    vault, made = chain(*["ok"] * 8, start=EVENING)
    proof = ask(vault, since=NEXT)
    assert proof.verdict == "valid", wrong(proof)
    assert {each.there.key for each in proof.digests} == set(made.digests[3:])
    assert {each.there.key for each in proof.logs} == {key for hour in made.hours[3:] for key in hour.logs}


def test_until_the_middle_of_a_chain_nothing_after_is_judged_but_what_a_digest_lists(ask):
    vault, made = chain(*["ok"] * 8, start=EVENING)
    proof = ask(vault, until=DAY)
    assert proof.verdict == "valid", wrong(proof)
    assert {each.there.key for each in proof.digests} == set(made.digests[:4])
    assert {each.there.key for each in proof.logs} == {key for hour in made.hours[:4] for key in hour.logs}


@pytest.mark.parametrize("asked", [{"since": NEXT}, {"until": DAY}])
def test_a_log_file_outside_of_the_days_is_missed_all_the_same(ask, asked):
    vault, made = chain(*["ok"] * 8, start=EVENING)
    key = made.hours[3].logs[0 if "since" in asked else 1]
    assert verdict_of(ask(vault, **asked), key)[0] == "valid"
    del vault.objects[key]
    assert verdict_of(ask(vault, **asked), key)[0] == "missing"


@pytest.mark.parametrize("asked", [{"since": NEXT}, {"until": DAY}])
def test_what_is_wrong_outside_of_the_period_is_no_part_of_it(ask, asked):
    vault, made = chain(*["ok"] * 8, start=EVENING)
    hour = made.hours[0 if "since" in asked else 6]
    for key in (hour.digest, hour.logs[0]):
        del vault.objects[key]
    proof = ask(vault, **asked)
    assert proof.verdict == "valid", wrong(proof)


def test_a_period_that_the_chains_do_not_reach_ends_in_silence(ask):
    vault, made = chain("ok", "ok")
    (gap,) = ask(vault, until=date(2026, 3, 4)).gaps
    assert (gap.verdict.checks, gap.since, gap.until) == (
        ("silence",),
        made.end.replace(tzinfo=None),
        datetime(2026, 3, 5),
    )


def test_a_period_in_which_nothing_lies_is_not_valid(ask):
    proof = ask(chain("ok", "ok")[0], since=date(2026, 3, 20), until=date(2026, 3, 21))
    assert proof.verdict == "unchecked" and [each.reason for each in proof.problems] == ["nothing"]


# ── backfills ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_missing_backfill_is_missed_by_the_next_one(ask):
    vault, made = chain("backfill", "backfill", "ok")
    del vault.objects[str(made.hours[0].backfill)]
    proof = ask(vault)
    assert gaps(proof) == [("missing", "missing")]
    assert verdict_of(proof, made.hours[0].backfilled[0])[0] == "unlisted"


def test_chains_of_many_accounts_and_regions_are_judged_apart(ask):
    vault = Vault()
    for account in (ACCOUNT, OTHER):
        for region in (REGION, ABROAD):
            vault.chain("ok", "backfill", "restart", "ok", trail=Trail(account=account, region=region, home=REGION))
    assert ask(vault).verdict == "valid"
    made = vault.chain("unexplained", "unexplained", trail=Trail("third", account=OTHER))
    assert [(gap.trail, gap.account_id) for gap in ask(vault).gaps if gap.verdict.verdict == "unexplained"] == [
        (made.trail.name, OTHER)
    ]


# ── copies ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_two_copies_of_one_bucket_say_the_same_as_one(ask):
    vault, made = chain("ok", "restart", "backfill", "ok")
    one, two = ask.lay(vault, "one"), ask.lay(vault, "two")
    proof = proven(one, two, keys=ask.keys(vault))
    assert proof.verdict == "valid", wrong(proof)
    assert len(proof.digests) == 2 * 5 and len(proof.logs) == 2 * 9
    log = two / made.hours[1].logs[0]
    log.write_bytes(log.read_bytes()[:-1])
    proof = proven(one, two, keys=ask.keys(vault))
    assert [(each.there.source, each.verdict.verdict) for each in proof.logs if each.verdict.verdict != "valid"] == [
        (two.as_uri(), "invalid")
    ]
