"""`spark-submit jobs/lake_queries.py …`: the command `trailhouse lake-queries`, from a checkout."""

import sys

from trailhouse.cli import main

main(["lake-queries", *sys.argv[1:]])
