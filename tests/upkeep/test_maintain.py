from __future__ import annotations
import time
from tests.upkeep.fed import Fed, maintained

def test_smoke(lake, tmp_path):
    t=time.time()
    fed = Fed(lake, tmp_path / "logs").feed(3)
    print("fed", time.time()-t)
    t=time.time()
    fed.feed(3)
    print("fed", time.time()-t)
    t=time.time()
    before = fed.rows()
    print("read", time.time()-t)
    t=time.time()
    report = maintained(lake, dry_run=True)
    print("dry", time.time()-t)
    fed.age()
    t=time.time()
    report = maintained(lake)
    print("maintained", time.time()-t)
    for each in report.tables: print(each)
    print(report.status, report.problems)
    assert fed.rows() == before
    fed.is_whole()
