"""Helm's commands in the guides: each names what it means, and its values are in the chart."""

from __future__ import annotations

import functools
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from helm_support import CHARTS, ROOT, merged

GUIDES = ("README.md", "k3s/README.md", "charts/README.md", "docs/*.md", "charts/*/README.in.md")
PAGES = sorted(page for each in (*GUIDES, "charts/*/templates/NOTES.txt") for page in ROOT.glob(each))
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(helm [^`\n]+)`")
# The flags that take a word after them, of those that the guides use.
WITH_VALUE = {"-n", "--namespace", "--set", "--set-string", "-f", "--values", "--timeout", "--version"}
ON_CLUSTER = {"install", "upgrade", "rollback", "history", "test", "uninstall", "status", "get"}


@dataclass(frozen=True, slots=True)
class Command:
    """One command of helm: its verb, what follows without a flag, and its flags in order."""

    line: str
    verb: str
    words: tuple[str, ...]
    flags: tuple[tuple[str, str], ...]

    def has(self, *names: str) -> bool:
        return any(flag in names for flag, _ in self.flags)

    @property
    def chart(self) -> Path | None:
        """The chart's folder, when the command names one of ours."""
        return next((ROOT / word for word in self.words if word.startswith("charts/")), None)

    @property
    def sets(self) -> list[str]:
        return [each for flag, value in self.flags if flag == "--set" for each in value.split(",")]


def parsed(line: str) -> Command | None:
    """Return what a line asks of helm, or None when it asks something else."""
    words = shlex.split(line, comments=True)
    if "helm" not in words[:2]:
        return None
    verb, *rest = words[words.index("helm") + 1 :]
    plain, flags, left = [], [], iter(rest)
    for word in left:
        if word.startswith("-"):
            flag, _, value = word.partition("=")
            flags.append((flag, value or (next(left, "") if flag in WITH_VALUE else "")))
        else:
            plain.append(word)
    return Command(line, verb, tuple(plain), tuple(flags))


def lines(page: Path) -> Iterator[str]:
    """Yield the command lines that a page prints, continued ones joined, templates' holes filled."""
    text = re.sub(r"\{\{-? .*? -?\}\}", "x", page.read_text(encoding="utf-8"))
    blocks = [block for kind, block in FENCED.findall(text) if kind in ("", "sh")] if page.suffix == ".md" else [text]
    for block in blocks:
        for line in block.replace("\\\n", " ").splitlines():
            if found := re.search(r"(?:^|\s)((?:sudo )?helm [a-z].*)", line):
                yield found[1]


COMMANDS = [
    pytest.param(command, id=f"{page.relative_to(ROOT)}: {command.line[:60]}")
    for page in PAGES
    for line in lines(page)
    if (command := parsed(line))
]
each_command = pytest.mark.parametrize("command", COMMANDS)


def test_the_guides_are_read() -> None:
    said = [str(each.id) for each in COMMANDS]
    for name in ("README.md", "docs/deployment.md", "docs/rollout.md", "charts/edge-inference/templates/NOTES.txt"):
        assert any(each.startswith(f"{name}: helm ") for each in said), name


@each_command
def test_a_rollback_names_its_revision(command: Command) -> None:
    """Without one, helm takes the revision before: after a refused upgrade that is the refused one."""
    if command.verb == "rollback":
        assert len(command.words) == 2, f"{command.line}: want RELEASE and a revision"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_rollback_within_a_sentence_names_its_revision(page: Path) -> None:
    for text in INLINE.findall(page.read_text(encoding="utf-8")):
        command = parsed(text)
        if command is not None and command.verb == "rollback":
            # The bare verb is the command's name; with a release it is something to type.
            assert len(command.words) in (0, 2), f"{text}: want RELEASE and a revision"


@each_command
def test_a_release_is_made_and_changed_by_the_same_command_in_its_namespace(command: Command) -> None:
    assert command.verb != "install", f"{command.line}: want helm upgrade --install"
    if command.verb in ON_CLUSTER:
        assert command.has("-n", "--namespace"), f"{command.line}: want -n NAMESPACE"


@each_command
def test_an_upgrade_keeps_what_the_release_was_given(command: Command) -> None:
    """Helm forgets earlier values as soon as it is given one: the model's name, for instance."""
    if command.verb == "upgrade" and command.sets and not command.has("--install"):
        assert command.has("--reset-then-reuse-values", "-f", "--values"), command.line


@functools.cache
def defaults(chart: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((chart / "values.yaml").read_text(encoding="utf-8"))
    return found


def as_values(sets: list[str]) -> dict[str, Any]:
    """Return what helm makes of `--set a.b=c`: numbers and booleans are those, everything else is text."""
    values: dict[str, Any] = {}
    for each in sets:
        path, _, text = each.partition("=")
        value: Any = yaml.safe_load(text) if re.fullmatch(r"\d+|true|false|null", text) else text
        for key in reversed(path.split(".")):
            value = {key: value}
        values = merged(values, value)
    return values


@each_command
def test_its_values_are_in_the_chart(command: Command) -> None:
    if command.chart is None:
        return
    schema = json.loads((command.chart / "values.schema.json").read_text(encoding="utf-8"))
    checker = jsonschema.validators.validator_for(schema)(schema)
    given = merged(defaults(command.chart), as_values(command.sets))
    assert [error.message for error in checker.iter_errors(given)] == [], command.line


@each_command
def test_a_release_is_given_a_model_that_is_in_the_repository(command: Command) -> None:
    """The chart takes the release's name for the model's, where no other is given."""
    if command.chart is not None and command.chart.name == "edge-inference" and command.has("--install"):
        given = as_values(command.sets).get("model", {})
        assert (ROOT / "models" / given.get("name", command.words[0]) / "model.toml").is_file(), command.line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_cameras_ask_a_release_that_the_page_makes(page: Path) -> None:
    commands = [command for line in lines(page) if (command := parsed(line)) and command.chart and command.sets]
    models = {command.words[0] for command in commands if command.chart == CHARTS / "edge-inference"}
    for command in commands:
        asked = as_values(command.sets).get("inference", {})
        if command.chart == CHARTS / "camera-ingest" and "model" in asked:
            assert asked.get("url", f"http://{asked['model']}:8080") in {f"http://{name}:8080" for name in models}


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        pytest.param("helm upgrade x charts/edge-inference --set modle.version=1.0.0", "modle", id="typo"),
        pytest.param("helm upgrade x charts/edge-inference --set candidate.enabeld=true", "enabeld", id="deep"),
        pytest.param("helm upgrade x charts/camera-ingest --set cameras.a.ulr=rtsp://h/", "ulr", id="camera"),
    ],
)
def test_a_misspelt_value_would_be_found(line: str, fault: str) -> None:
    command = parsed(line)
    assert command is not None
    with pytest.raises(AssertionError, match=fault):
        test_its_values_are_in_the_chart(command)
