"""
The small corpus of the crash tests: twelve files that hold one of everything that ingest treats differently.

Two accounts, a file delivered twice, an event in two files, a record in conflict, a late file, a bad record, a bad
object, a hostile one, and a digest, which is not read at all.
"""

from __future__ import annotations

from tests.buckets import ABROAD, DAY, NEXT_DAY, OTHER, REGION, Bucket, event, key, log

LATE = "2026/02/01"


def small() -> Bucket:
    made = Bucket()
    first = made.put(key("a"), event(1), event(2), event(3))
    made.put(key("b", OTHER), event(4, OTHER), event(5, OTHER))
    made.put(key("c", OTHER, ABROAD, NEXT_DAY), event(6, OTHER, ABROAD, NEXT_DAY))
    made.put(key("d", day=NEXT_DAY), event(7, day=NEXT_DAY), event(8, day=NEXT_DAY))
    made.objects[first.replace("_a.", "_again.")] = made.objects[first]
    made.put(key("twin", day=NEXT_DAY), event(8, day=NEXT_DAY), event(3), event(9, day=NEXT_DAY))
    made.put(key("conflict"), event(10), event(101, eventID=event(2)["eventID"]))
    made.put(key("late", day=LATE), event(11, day=LATE))
    made.put(key("insight", kind="CloudTrail-Insight"), event(12, eventCategory="Insight"))
    made.put(key("badrecord"), event(13), b'{"eventID":"x","eventID":"y"}')
    made.objects[key("corrupt")] = log(event(14))[:-9]
    made.put(key("hostile", region="eu-west-3"), event(15, awsRegion="../../x", userAgent="\u202e=cmd|'/c calc'!A1"))
    made.objects[key("digest", region=REGION, day=DAY, kind="CloudTrail-Digest")] = log(event(16))
    return made
