"""`edgectl` as its user calls it."""

from edgectl_support import run as run
