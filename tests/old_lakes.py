"""
Lakes as earlier releases made them, to be opened by today's code.

    python -m tests.old_lakes NAME

keeps a small one, made by the code of today, as `tests/lakes/NAME.tar.gz`: before a change of the schema, so that the
change is tested on what people have. Iceberg writes whole paths into its files, some of them compressed; a lake is kept
under a path of fixed length, and opened under another of the same length, byte for byte.
"""

from __future__ import annotations

import io
import json
import sqlite3
import sys
import tarfile
import tempfile
import zlib
from datetime import UTC, datetime
from pathlib import Path

from tests.buckets import ACCOUNT, Bucket, event, key, plain
from tests.ingest.contents import ingest
from trailhouse import settings
from trailhouse.ingest import publish
from trailhouse.lake import catalog
from trailhouse.upkeep import accounts

FOLDER = Path(__file__).parent / "lakes"
LENGTH = 200  # of a lake's path
KEPT_AT = "/" + "kept" * 49 + "at/"  # stands for it in what is kept
SYNC = 16  # bytes of an Avro file's marker


def sized(folder: Path) -> Path:
    """A folder in this one whose path is as long as it must be."""
    return folder / ("x" * (LENGTH - len(str(folder)) - 1))


def opened(name: str, folder: Path) -> settings.Lake:
    """A kept lake, under a path of this test's own."""
    place = sized(folder)
    lengths: dict[str, int] = {}
    with tarfile.open(FOLDER / f"{name}.tar.gz") as kept:
        for member in sorted(kept.getmembers(), key=lambda each: "/snap-" in each.name):  # they tell of manifests
            file = kept.extractfile(member)
            assert file is not None
            path = place / member.name
            path.parent.mkdir(parents=True, exist_ok=True)
            lengths[str(path)] = path.write_bytes(_moved(member.name, file.read(), str(place), lengths))
    where = settings.Lake(location=str(place), catalog_uri=str(place / "catalog.sqlite"))
    _move_catalog(Path(where.catalog_uri), str(place))
    return where


def keep(name: str) -> None:
    """Make a lake and keep it."""
    with tempfile.TemporaryDirectory() as folder:
        place = sized(Path(folder))
        where = settings.Lake(location=str(place), catalog_uri=str(place / "catalog.sqlite"))
        told = _make(where, Path(folder))
        (place / "told.json").write_text(json.dumps(told, indent=1, sort_keys=True))
        _move_catalog(Path(where.catalog_uri), KEPT_AT)
        with tarfile.open(FOLDER / f"{name}.tar.gz", "w:gz") as kept:
            for path in sorted(place.rglob("*")):
                if path.is_file() and not {"static", "seals"} & {*path.parts}:  # what is moved is not what was sealed
                    data = _moved(path.name, path.read_bytes(), KEPT_AT, {}, came=str(place))
                    member = tarfile.TarInfo(str(path.relative_to(place)))
                    member.size = len(data)
                    kept.addfile(member, io.BytesIO(data))


def _make(where: settings.Lake, folder: Path) -> dict[str, object]:
    """Two batches, a third with a twin and a rotten object, one that is held, one that nobody has settled; a name."""
    rule = folder / "expectations.toml"
    rule.write_text(
        '[[expectation]]\nname = "no_trail_is_deleted"\nseverity = "critical"\ncolumn = "event_name"\n'
        'not_in = ["DeleteTrail"]\n'
    )
    quality = settings.Quality(expectations=str(rule))
    ingest(where, plain(4).save(folder / "first"))
    second = Bucket()
    second.put(key("insight", kind="CloudTrail-Insight"), event(201, eventCategory="Insight"))
    second.put(key("other", region="eu-west-1", account="222222222222"), event(20, awsRegion="eu-west-1"))
    ingest(where, second.save(folder / "second"))
    third = Bucket({key("rotten"): b"\x1f\x8b no log"})
    third.put(key("twin"), event(1), event(30), b'{"eventID":"x","eventID":"y"}')
    ingest(where, third.save(folder / "third"))
    held = Bucket()
    held.put(key("bad"), event(90, eventName="DeleteTrail"))
    (refused,) = ingest(where, held.save(folder / "held"), quality=quality).held
    plainly, publish.take_claim = publish.take_claim, _interrupted
    left = Bucket()
    left.put(key("left"), event(95))
    try:
        ingest(where, left.save(folder / "left"))
    except KeyboardInterrupt:
        publish.take_claim = plainly
    accounts.keep(where, [accounts.Account(ACCOUNT, "Web shop")], datetime.now(UTC), dry_run=False)
    names = ("events", "ledger", "accounts")
    tables = {name: len(catalog.open_lake(where).table(name).scan().to_arrow()) for name in names}
    return {"held": refused, "rows": tables, "version": catalog.SCHEMA_VERSION}


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def _move_catalog(file: Path, to: str) -> None:
    """The catalog's own paths: SQLite keeps the length of a text beside it."""
    came = str(file.parent) if to == KEPT_AT else KEPT_AT
    with sqlite3.connect(file) as connection:
        for column in ("metadata_location", "previous_metadata_location"):
            change = f"UPDATE iceberg_tables SET {column} = replace({column}, ?, ?)"
            connection.execute(change, (came, to))
        change = "UPDATE iceberg_namespace_properties SET property_value = replace(property_value, ?, ?)"
        connection.execute(change, (came, to))
    connection.close()


def _moved(name: str, data: bytes, to: str, lengths: dict[str, int], came: str = KEPT_AT) -> bytes:
    assert len(came) == len(to) == LENGTH, (len(came), len(to))
    if name.endswith(".sqlite"):
        return data
    if name.endswith(".gz"):
        return data  # a plan: paths of sources, not of the lake
    return (
        _moved_in_avro(data, came.encode(), to.encode(), lengths if "/snap-" in name else {})
        if data[:4] == b"Obj\x01"
        else data.replace(came.encode(), to.encode())
    )


def _moved_in_avro(data: bytes, came: bytes, to: bytes, lengths: dict[str, int]) -> bytes:
    """Each block is unpacked, changed and packed again; a manifest's length, which changes by that, stands behind its path."""
    read = io.BytesIO(data)
    read.seek(4)
    said: dict[bytes, bytes] = {}
    while count := _number(read):
        for _ in range(count):
            name = read.read(_number(read))
            said[name] = read.read(_number(read))
    deflated = said.get(b"avro.codec") == b"deflate"
    sync = read.read(SYNC)
    out = [data[: read.tell()].replace(came, to)]
    while read.tell() < len(data):
        count, size = _number(read), _number(read)
        block = read.read(size)
        assert read.read(SYNC) == sync
        block = zlib.decompress(block, -15) if deflated else block
        block = block.replace(came, to)
        for path, length in lengths.items():
            block = _with_length(block, path.encode(), length)
        if deflated:
            pack = zlib.compressobj(wbits=-15)
            block = pack.compress(block) + pack.flush()
        out += [_packed(count), _packed(len(block)), block, sync]
    return b"".join(out)


def _with_length(block: bytes, path: bytes, length: int) -> bytes:
    before, found, after = block.partition(path)
    if not found:
        return block
    read = io.BytesIO(after)
    _number(read)
    return before + found + _packed(length) + read.read()


def _number(read: io.BytesIO) -> int:
    """A zig-zag number of Avro."""
    value = shift = 0
    while True:
        (byte,) = read.read(1)
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1)


def _packed(number: int) -> bytes:
    value, out = number << 1, bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


if __name__ == "__main__":
    keep(sys.argv[1])
