"""The way back from a bad version: known before anything is watched, and checked once it was gone."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from edge_common.errors import StartError
from edgectl.cluster.api import Api
from edgectl.cluster.pods import STABLE
from edgectl.rollout import helm
from edgectl.rollout.helm import Revision
from edgectl.rollout.placed import Placed, placed
from edgectl.rollout.rights import need_rights

FAILED, NOWHERE = "rollback failed", "no revision to go back to"


@dataclass(frozen=True, slots=True)
class Way:
    """Where back to: `revision` None is nowhere. `bad` is what one wants to be rid of."""

    helm: str
    api: Api
    namespace: str
    release: str
    revision: int | None
    bad: Placed | None

    def go(self) -> str:
        """Roll back; return what was done, FAILED or NOWHERE when the bad version is still in place."""
        if self.revision is None:
            return NOWHERE
        try:
            helm.rollback(self.helm, self.api, self.namespace, self.release, self.revision)
        except StartError as exc:
            print(f"edgectl: {exc}", file=sys.stderr)
            return FAILED
        return self._checked(f"rolled back to revision {self.revision}")

    def _checked(self, done: str) -> str:
        """Helm is content with a revision that holds the same bad version; its user is not."""
        try:
            now = placed(self.api, self.namespace, self.release, STABLE)
        except StartError as exc:
            print(f"edgectl: {done}, but nobody knows what is served now: {exc}", file=sys.stderr)
            return done
        if now is None or self.bad is None or now.spec.template != self.bad.spec.template:
            return done
        print(f"edgectl: {done}, which is the same version: name an older one with --to", file=sys.stderr)
        return FAILED


def way_back(api: Api, namespace: str, release: str, to: int | None, recorded: int) -> Way:
    """Decide where to go back to: `to`, else the revision `recorded` with the baseline, else the last good one.

    Raises:
        StartError: no helm, no permission to see its revisions or to roll back, or no revision that is called `to`.
    """
    program = helm.need_helm()
    rows = helm.revisions(api, namespace, release)
    number = _named(to, rows, release) if to is not None else _recorded(recorded, rows)
    if number is None and rows:
        number = helm.good_before(rows, helm.refused(program, api, namespace, release))
    if number is None:
        print(f"edgectl: {release}: no good revision before this one: it will not be rolled back", file=sys.stderr)
    else:
        need_rights(api, namespace, len(rows))
    return Way(program, api, namespace, release, number, placed(api, namespace, release, STABLE))


def _named(to: int, rows: list[Revision], release: str) -> int:
    older = [row.number for row in rows[:-1]]
    if to not in older:
        known = ", ".join(map(str, older)) or "none"
        raise StartError(f"--to {to}: want a revision of {release} before the present one, found {known}")
    return to


def _recorded(number: int, rows: list[Revision]) -> int | None:
    return number if number in [row.number for row in rows[:-1]] else None
