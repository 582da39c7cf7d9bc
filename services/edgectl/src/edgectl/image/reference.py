"""The name of an image in a registry: HOST[:PORT]/NAME[:TAG][@DIGEST]."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edgectl.image.media import is_digest
from edgectl.model.errors import ModelError

_PATH = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_HOST = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Reference:
    """`tag` or `digest` is "" when it is not named."""

    host: str
    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def wanted(self) -> str:
        """What to ask a registry for: the digest wins over the tag."""
        return self.digest or self.tag

    def __str__(self) -> str:
        tag, digest = f":{self.tag}" * bool(self.tag), f"@{self.digest}" * bool(self.digest)
        return f"{self.host}/{self.repository}{tag}{digest}"


def reference(text: str) -> Reference:
    """Return the parts of a reference; a host has to be named: nothing is looked for in a registry of someone's choice.

    Raises:
        ModelError: it is none.
    """
    name, _, digest = text.partition("@")
    host, slash, path = name.partition("/")
    path, _, tag = path.partition(":")
    if not slash or not _HOST.fullmatch(host) or not (host == "localhost" or set(host) & set(".:")):
        raise _wrong(text, "no host")
    if not _PATH.fullmatch(path):
        raise _wrong(text, f"the name {path!r:.80}")
    if (tag or ":" in name.partition("/")[2]) and not _TAG.fullmatch(tag):
        raise _wrong(text, f"the tag {tag!r:.80}")
    if ("@" in text) and not is_digest(digest):
        raise _wrong(text, f"the digest {digest!r:.80}")
    return Reference(host, path, tag, digest)


def _wrong(text: str, found: str) -> ModelError:
    return ModelError(f"{text!r:.200}: want HOST[:PORT]/NAME:TAG with a lower-case name, found {found}")
