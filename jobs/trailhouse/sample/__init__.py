"""
The maker of believable log buckets: an organization's CloudTrail files as AWS delivers them, with all their oddities.

Everything is invented; the shapes follow what real files look like. Beside the files stands `truth.json`, which says
what a lake built from them must hold. Imports nothing else of the package but its errors.
"""

from __future__ import annotations

from trailhouse.sample.bucket import make_bucket
from trailhouse.sample.recipe import Recipe
from trailhouse.sample.truth import Truth

__all__ = ["Recipe", "Truth", "make_bucket"]
