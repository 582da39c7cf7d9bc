"""Where edgectl's extras come from: a checkout. Public indexes know an edgectl that is someone else's."""


def how_to_install(extra: str) -> str:
    """Return the command that adds `extra` of edgectl, to end the line of an error with."""
    return f"pip install -e services/common -e 'services/edgectl[{extra}]' in a checkout of edge-serve"
