"""Objects decoded together give what each gives alone."""

from __future__ import annotations

import pyarrow as pa

from tests.cases import load
from tests.decode.one import EACH_WAY, WAYS
from tests.decode.one import decode as decode_one
from trailhouse.decode import Delivered, decode


def _delivered(number: int, kind: str) -> Delivered:
    return Delivered("s3://logs", f"object-{number}", kind, "111122223333", "us-east-1")


@EACH_WAY
def test_objects_decoded_together_give_what_each_gives_alone(way):
    """Every small case of one kind, the broken ones among the good, in one call."""
    every = [c for c in load.cases() if c.folder == "CloudTrail" and not (c.maker or c.elsewhere or c.keys or c.limits)]
    objects = [(case.bytes(), _delivered(number, "CloudTrail")) for number, case in enumerate(every)]
    together = decode(objects, **WAYS[way])
    alone = [decode_one(data, delivered, way=way) for data, delivered in objects]
    assert len(objects) > 100
    assert together.rows.equals(pa.concat_tables([one.rows for one in alone]).combine_chunks())
    assert together.objects.to_pylist() == [n for n, one in enumerate(alone) for _ in range(one.rows.num_rows)]
    for account, one in zip(together.accounts, alone, strict=True):
        assert (account.rows, account.rejects, account.records, account.flags, account.sha256) == (
            (one.rows.num_rows, one.rejects, one.records, one.flags, one.sha256)
        )
