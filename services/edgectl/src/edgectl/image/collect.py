"""What goes into an air-gap file: the images that were named, and those that the charts start."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from edgectl.image.gapfile import Named
from edgectl.image.image import Image
from edgectl.image.reference import reference
from edgectl.image.sources import Sources
from edgectl.model.errors import ModelError


def collect(given: Sequence[str], wanted: Iterable[str], sources: Sources) -> list[Named]:
    """Return the images `given` ([NAME=]SOURCE each), then those of `wanted` that are not among them, by name.

    Raises:
        ModelError: one cannot be had, has no name, or comes twice.
    """
    found: dict[str, Named] = {}
    for text in given:
        each = _given(text, sources)
        if each.name in found:
            raise ModelError(f"{text}: want each image once, found {each.name} twice")
        found[each.name] = each
    for name in sorted(set(wanted) - found.keys()):
        found[name] = Named(name, _pulled(name, sources, found))
    return [found[name] for name in sorted(found)]


def platform_of(images: Sequence[Named]) -> str:
    """Return the one platform of all images.

    Raises:
        ModelError: there are several: a gateway has one.
    """
    found = {each.name: each.image.platform() for each in images}
    platforms = sorted(set(found.values()))
    if len(platforms) > 1:
        told = ", ".join(f"{name} ({platform})" for name, platform in found.items())
        raise ModelError(f"want images for one platform, as a gateway has one; found {told}")
    return platforms[0] if platforms else ""


def _given(text: str, sources: Sources) -> Named:
    name, equals, source = text.partition("=")
    image = sources.image(source if equals else text)
    name = name if equals else image.name
    try:
        asked = reference(name)
    except ModelError:
        asked = None
    if asked is None or not asked.tag:
        raise ModelError(
            f"{text}: want its name, as the charts write it: HOST/NAME:TAG={source or text}; found {name or 'none'}"
        )
    return Named(name, image)


def _pulled(name: str, sources: Sources, given: Iterable[str]) -> Image:
    if reference(name).host == "localhost":
        had = ", ".join(given) or "none"
        raise ModelError(
            f"{name}: the charts start it and no registry has it: want it named, such as containers-storage:{name}; "
            f"found {had}"
        )
    return sources.image(name)
