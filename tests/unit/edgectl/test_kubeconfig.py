"""What edgectl says of a kubeconfig it cannot use: one line that names the file, never the client's own words."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edgectl_support import Run
from kube_support import NAMESPACE, Kube, kubeconfig


def change(path: Path, **other: Any) -> None:
    """Replace top keys of a kubeconfig."""
    path.write_text(json.dumps(json.loads(path.read_text()) | other))


def plugin(path: Path, command: str) -> None:
    """Let a kubeconfig's user log in with a plugin."""
    login = {"apiVersion": "client.authentication.k8s.io/v1", "command": command, "interactiveMode": "Never"}
    change(path, users=[{"name": "u", "user": {"exec": login}}])


@pytest.fixture
def config(cluster: Kube, tmp_path: Path) -> Path:
    return kubeconfig(tmp_path / "config", cluster.port)


def test_an_api_server_that_is_away(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path / "config", 9)))
    code, _, err = run("status")
    assert (code, err.count("\n")) == (2, 1)
    assert "http://127.0.0.1:9: cannot reach the API server: " in err


def test_a_context_that_is_not_there(config: Path, run: Run) -> None:
    assert run("status", "--context", "there") == (2, "", "edgectl: --context there: want one of here\n")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("", "is empty; want clusters, users and contexts", id="empty"),
        pytest.param("text", "Expected `object`, got `str`", id="text"),
        pytest.param("[1, 2]", "Expected `object`, got `array`", id="list"),
        pytest.param("[1, 2", "no YAML: line 1, column 6: expected ',' or ']'", id="no-yaml"),
        pytest.param("\x00", "special characters are not allowed", id="bytes"),
        pytest.param("a: 1", "current-context '': want one of its contexts, found none", id="nothing"),
        pytest.param("clusters: [text]", "Expected `object`, got `str` - at `$.clusters[0]`", id="cluster"),
        pytest.param("users: {u: {token: secret}}", "got `object` - at `$.users`", id="users"),
        pytest.param("contexts: [{context: {}}]", "missing required field `name` - at `$.contexts[0]`", id="context"),
    ],
)
def test_another_shape_is_one_line(config: Path, run: Run, text: str, told: str) -> None:
    config.write_text(text)
    code, out, err = run("status")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"edgectl: kubeconfig: {config}: ") and told in err
    assert "byte string" not in err


@pytest.mark.parametrize("named", ["{0}/none", "{0}/none:{0}/neither"])
def test_a_file_that_is_not_there_is_named(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setenv("KUBECONFIG", named.format(tmp_path))
    told = f"edgectl: kubeconfig: {named.format(tmp_path)}: no such file; KUBECONFIG names another\n"
    assert run("status") == (2, "", told)


@pytest.mark.parametrize("server", ["127.0.0.1:6443", "gateway", "ftp://gateway", "https://", "https://gateway:port"])
def test_a_server_that_is_no_address_is_one_line(
    config: Path, run: Run, server: str, recwarn: pytest.WarningsRecorder
) -> None:
    change(config, clusters=[{"name": "c", "cluster": {"server": server}}])
    told = f"edgectl: kubeconfig: {config}: cluster 'c': server {server!r}: want https://HOST:PORT\n"
    assert run("status") == (2, "", told)
    assert not recwarn.list


@pytest.mark.parametrize(
    ("other", "told"),
    [
        pytest.param({"current-context": "other"}, "current-context 'other': want one of here", id="context"),
        pytest.param({"clusters": []}, "cluster 'c': want one of its clusters, found none", id="no-cluster"),
        pytest.param({"users": [{"name": "u", "user": {"username": 1, "password": 2}}]}, "context here: ", id="user"),
        pytest.param(
            {"users": [{"name": "u", "user": {"tokenFile": "/nonexistent"}}]}, "context here: [Errno 2]", id="token-file"
        ),
    ],
)  # fmt: skip
def test_what_is_in_it_and_of_no_use_is_one_line(config: Path, run: Run, other: dict[str, Any], told: str) -> None:
    change(config, **other)
    code, out, err = run("status")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"edgectl: kubeconfig: {config}: ") and told in err


@pytest.mark.parametrize(
    ("script", "told"),
    [
        pytest.param(None, "No such file or directory", id="missing"),
        pytest.param("echo 'log in first:\nsee there' >&2; exit 3", "exec: process returned 3. log in first: see", id="fails"),
        pytest.param("echo hello", "exec: failed to decode process output", id="no-json"),
    ],
)  # fmt: skip
def test_a_login_plugin_that_gives_nothing_is_one_line(
    config: Path, run: Run, tmp_path: Path, script: str | None, told: str
) -> None:
    program = tmp_path / "login"
    if script is not None:
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    plugin(config, str(program))
    # In a process of its own: pytest's own log handlers would keep the client's words from stderr.
    done = subprocess.run(
        [sys.executable, "-c", "from edgectl.main import main; main()", "status"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert (
        done.stderr.startswith(f"edgectl: kubeconfig: {config}: context here: cannot log in: ") and told in done.stderr
    )


def test_a_login_plugin_is_asked_again_when_its_token_has_ended(config: Path, run: Run, tmp_path: Path) -> None:
    said = {"token": "secret", "expirationTimestamp": "2020-01-01T00:00:00Z"}
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": said}
    program = tmp_path / "login"
    program.write_text(f"#!/bin/sh\necho asked >>{tmp_path}/asked\necho '{json.dumps(answer)}'\n")
    program.chmod(0o755)
    plugin(config, str(program))
    assert run("status")[0] == 0
    assert (tmp_path / "asked").read_text().count("asked") > 1


def test_of_several_files_the_first_that_names_a_context_holds(
    config: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As kubectl; files that are not there are passed over."""
    other = kubeconfig(tmp_path / "other", 9)
    change(other, **{"current-context": "away", "contexts": [
        {"name": "away", "context": {"cluster": "nowhere", "namespace": NAMESPACE}},
    ]})  # fmt: skip
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/none:{config}:{other}")
    assert run("status")[0] == 0
    assert "cluster 'nowhere': want one of c" in run("status", "--context", "away")[2]
