"""
Mutations of structure: what a record or a document says is changed, and it stays more or less JSON.

Each takes the dice and a document's tree, bends it in place, and answers the new tree.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.fuzz.tree import Items, Members, Tree, get, objects, put, records, token, written

Bend = Callable[[Random, Tree], Tree]

TIMES = ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2012-12-31T23:59:59Z", "2013-01-01T00:00:00Z", "2099-12-31T23:59:59.999999999Z",
         "2100-01-01T00:00:00Z", "2100-01-01T05:30:00+05:30", "0001-01-01T00:00:00+14:00", "9999-12-31T23:00:00-14:00", "2026-02-30T00:00:00Z",
         "2026-03-01T23:59:60Z", "2026-03-01T24:00:00Z", "2026-03-01 10:00:00", "2026-03-01T10:00:00", "20260301T100000Z", "2026-03-01t10:00:00z",
         "2026-03-01T10:00:00.5Z", "2026-03-01T10:00:00.0000000001Z", "2026-03-01T10:00:00+25:00", "2026-03-01T10:00:00-00:00", "2026-03-01",
         "1772359200", "", " 2026-03-01T10:00:00Z", "2026-03-01T10:00:00Z\n", "\uff12026-03-01T10:00:00Z", "2013-01-01T00:00:00+00:01"]  # fmt: skip
PLACES = ["../../etc/passwd", "", " ", "us-east-1 ", "US-EAST-1", "us-east-1\n", "a=b/c", "%2e%2e", "x" * 300, "aa-" + "b" * 40 + "-1", "_invalid",
          "us-gov-west-1", "11112222333", "1111222233334", "111122223333 ", "\uff11" * 12, "\u0661" * 12, "null", "anonymous", "444455556666",
          "0" * 12, "eu-west-1"]  # fmt: skip
NUMBERS = ["0", "-0", "0.0", "-0.0", "1E5", "1e400", "-1e400", "1e-400", "9007199254740993", "9223372036854775808", "18446744073709551616",
           "0.10000000000000000555", "7" * 30, "7" * 400, "1." + "3" * 400, "1e0000001", "00", "01", "+1", ".5", "1.", "0x1f", "NaN", "Infinity",
           "-Infinity", "-", "1e", "1_000", "7" * 5000, "1" + "0" * 310]  # fmt: skip
TEXTS = [r'"\ud800"', r'"\udc00\ud800"', r'"\ud83d\ude00"', r'"\\ud800"', r'"\\\ud800"', r'"\u0000"', r'"\u00e9"', r'"\/"', r'"\x"', r'"\u12"',
         r'"\uD800\u0041"', '""', '" "', '"\u202eevil"', '"\ufeff"', '"\uffff\U0010ffff"', '"\u2028"', '"=1+1"', '"a,b]}"', r'"\"}"', '"\ufffd"',
         '"?"', '"omitted"', '"x too large"', '"true"', '"False"']  # fmt: skip
RAW = [b'"\xff"', b'"\xed\xa0\x80"', b'"\xc0\xaf"', b'"\xe2\x82"', b'"\xf5\x80\x80\x80"', b'"\x00"', b'"\n"', b'"\x1b[2J"', b'"\\\n"', b'"\\\xff"',
       b'"a\x1f\\ud800\xff"']  # fmt: skip
WORDS = [b"null", b"true", b"false", b"{}", b"[]", b"[null]", b'{"":null}', b"[[],{}]", b"nul", b"True", b"undefined", b"", b"/**/1", b"'x'",
         b'{"a":1,"a":2}', b'{"a":1,"\\u0061":2}', b'{"\\u0000":1}', b'{"\\ud800":1}', b'{"omitted":true,"reason":"x too large"}',
         b'{"a":1,}', b"[1,]", b"{", b"]", b'"', b'{"a":"\\ud800"}', b'{"a":"\xff"}']  # fmt: skip
FIELDS = [b'"eventID"', b'"eventTime"', b'"awsRegion"', b'"recipientAccountId"', b'"userIdentity"', b'"requestParameters"', b'"responseElements"',
          b'"readOnly"', b'"resources"', b'"additionalEventData"', b'"eventName"', b'"errorCode"', b'"tlsDetails"', b'"insightDetails"',
          b'"timeWindow"', b'"summary"', b'"accountId"', b'"eventId"', b'"addendum"', b'"novelty"', b'"Records"', b'""', b'"\\u0065ventID"',
          b'"event\\u0049D"', b'"\\ud800"', b'"\xff"', b'"\\u0000"', b'"EVENTID"', b'"raw"', b'"extra"', b'"sharedEventID"']  # fmt: skip
PARTS = [b'"accountId"', b'"type"', b'"arn"', b'"principalId"', b'"userName"', b'"invokedBy"', b'"sessionContext"', b'"sessionIssuer"',
         b'"attributes"', b'"mfaAuthenticated"', b'"creationDate"', b'"onBehalfOf"', b'"userId"', b'"windowStart"', b'"tlsVersion"', b'"state"',
         b'"insightContext"', b'"statistics"', b'"baseline"', b'"average"', b'"primaryDimension"', b'"sourceIdentity"']  # fmt: skip
SPACES = [b" ", b"\n", b"\t", b"\r\n", b"  \n ", b"\x0c", b"\xa0", b"\x00"]


def value(dice: Random) -> bytes:
    """A value of any kind, sound or not."""
    kind = dice.randrange(10)
    if kind < 2:
        return dice.choice(NUMBERS).encode()
    if kind < 4:
        return dice.choice(TEXTS).encode()
    if kind == 4:
        return dice.choice(RAW)
    if kind == 5:
        return deep(dice)
    if kind == 6:
        return token(dice.choice(TIMES + PLACES))
    if kind == 7:
        return (
            b'"' + dice.choice([b"x", b"\\\\", b'\\"', "\u00e9".encode(), b"[{"]) * dice.choice([10, 300, 3000]) + b'"'
        )
    return dice.choice(WORDS)


def deep(dice: Random) -> bytes:
    levels = dice.choice([5, 61, 62, 63, 64, 65, 100, 600, 1100, 20_000])
    if dice.random() < 0.5:
        return b"[" * levels + dice.choice([b"", b"1", b'"x"']) + b"]" * levels
    return b'{"a":' * levels + dice.choice([b"1", b"{}", b'"]"']) + b"}" * levels


def some(dice: Random, tree: Tree) -> Members | None:
    """One of the records, or now and then any object of the document."""
    found = records(tree)
    top = [each for each in found or () if isinstance(each, Members)]
    if top and dice.random() < 0.6:
        return dice.choice(top)
    every = [each for each in objects(tree) if each]
    return dice.choice(every) if every else None


def on_object(change: Callable[[Random, Members], None]) -> Bend:
    def bend(dice: Random, tree: Tree) -> Tree:
        chosen = some(dice, tree)
        if chosen is not None:
            change(dice, chosen)
        return tree

    bend.__name__ = change.__name__
    return bend


def on_records(change: Callable[[Random, Items], None]) -> Bend:
    def bend(dice: Random, tree: Tree) -> Tree:
        found = records(tree)
        if found:
            change(dice, found)
        return tree

    bend.__name__ = change.__name__
    return bend


# --- of one object ---------------------------------------------------------------------------------------------------


def duplicate_key(dice: Random, members: Members) -> None:
    if members:
        key, old = dice.choice(members)
        again = key if dice.random() < 0.7 else b'"\\u%04x' % key[1] + key[2:] if key[1:2].isalpha() else key
        members.insert(dice.randrange(len(members) + 1), [again, old if dice.random() < 0.4 else value(dice)])


def other_case(dice: Random, members: Members) -> None:
    if members:
        key, old = dice.choice(members)
        members.insert(dice.randrange(len(members) + 1), [dice.choice([key.upper(), key.lower(), key.swapcase()]), old])


def other_value(dice: Random, members: Members) -> None:
    if members:
        dice.choice(members)[1] = value(dice)


def swapped_values(dice: Random, members: Members) -> None:
    if len(members) > 1:
        one, other = dice.sample(range(len(members)), 2)
        members[one][1], members[other][1] = members[other][1], members[one][1]


def swapped_type(dice: Random, members: Members) -> None:
    if members:
        member = dice.choice(members)
        text = written(member[1])
        member[1] = dice.choice(
            [b"[" + text + b"]", b'{"x":' + text + b"}", token(text.decode("utf-8", "replace")), text.strip(b'"')]
        )


def renamed(dice: Random, members: Members) -> None:
    if members:
        dice.choice(members)[0] = dice.choice(FIELDS + PARTS)


def dropped(dice: Random, members: Members) -> None:
    if members:
        del members[dice.randrange(len(members))]


def added(dice: Random, members: Members) -> None:
    members.insert(dice.randrange(len(members) + 1), [dice.choice(FIELDS + PARTS), value(dice)])


def shuffled(dice: Random, members: Members) -> None:
    dice.shuffle(members)


def odd_place(dice: Random, members: Members) -> None:
    put(members, dice.choice([b'"awsRegion"', b'"recipientAccountId"', b'"accountId"']), token(dice.choice(PLACES)))


def odd_time(dice: Random, members: Members) -> None:
    put(
        members,
        dice.choice([b'"eventTime"', b'"windowStart"', b'"windowEnd"', b'"creationDate"']),
        token(dice.choice(TIMES)),
    )


def odd_identity(dice: Random, members: Members) -> None:
    inner = get(members, b'"userIdentity"')
    found = list(objects(inner)) if inner is not None else []
    if found:
        put(dice.choice(found), dice.choice(PARTS), value(dice))
    else:
        put(members, b'"userIdentity"', Members([[dice.choice(PARTS), value(dice)]]))


# --- of the records --------------------------------------------------------------------------------------------------


def same_id(dice: Random, found: Items) -> None:
    """Another record under the id of one: forged, spelled anew, or the very same."""
    whole = [each for each in found if isinstance(each, Members)]
    if whole:
        copy = Members([key, old] for key, old in dice.choice(whole))
        dice.choice([shuffled, other_value, dropped, lambda *_: None])(dice, copy)
        found.insert(dice.randrange(len(found) + 1), copy)


def no_record(dice: Random, found: Items) -> None:
    found.insert(dice.randrange(len(found) + 1), value(dice))


def fewer(dice: Random, found: Items) -> None:
    del found[: dice.randrange(len(found) + 1)]


def many(dice: Random, found: Items) -> None:
    found.extend([dice.choice(found)] * dice.choice([3, 30, 400]))


def nested_record(dice: Random, found: Items) -> None:
    place = dice.randrange(len(found))
    found[place] = dice.choice([Items([found[place]]), Members([[b'"Records"', Items([found[place]])]])])


# --- of the document -------------------------------------------------------------------------------------------------


def other_frame(dice: Random, tree: Tree) -> Tree:
    found = records(tree) or Items()
    shapes: list[Callable[[], Tree]] = [
        lambda: found,
        lambda: found[0] if found else b"{}",
        lambda: Members([[b'"Records"', tree]]),
        lambda: Items([tree]),
        lambda: Members([[b'"Records"', value(dice)]]),
        lambda: Members([[dice.choice(FIELDS), value(dice)], [b'"Records"', found]]),
        lambda: Members([[b'"Records"', found], [dice.choice(FIELDS), value(dice)]]),
        lambda: Members([[b'"Records"', found], [b'"Records"', found]]),
        lambda: Members([[b'"Recor\\u0064s"', found]]),
        lambda: Members([[b'"records"', found]]),
        lambda: b"\n".join(written(each) for each in found),
        lambda: written(tree) + written(tree),
        lambda: Members([[b'"Type"', b'"Notification"'], [b'"Message"', token("x")]]),
        lambda: Members(),
        lambda: value(dice),
    ]
    return dice.choice(shapes)()


def spaced(dice: Random, tree: Tree) -> Tree:
    return written(tree, dice.choice(SPACES))


BENDS: tuple[Bend, ...] = (
    *map(on_object, (duplicate_key, duplicate_key, other_case, other_value, other_value, other_value, swapped_values, swapped_type,
                     renamed, dropped, added, added, shuffled, odd_place, odd_time, odd_identity, odd_identity)),
    *map(on_records, (same_id, same_id, no_record, fewer, many, nested_record)),
    other_frame,
    spaced,
)  # fmt: skip
