"""K3s' settings: that each file parses, agrees with the others, and is what the real kubelet and API server take."""

from __future__ import annotations

import re
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from k3s_support import K3S, component

# Every key of config.yaml, as `k3s server --help` lists its options; a typo there would be one that K3s does not know.
OPTIONS = {
    "write-kubeconfig-mode", "secrets-encryption", "protect-kernel-defaults", "disable", "embedded-registry",
    "kube-apiserver-arg", "kube-controller-manager-arg",
}  # fmt: skip
PACKAGED = {"coredns", "servicelb", "traefik", "local-storage", "metrics-server", "runtimes"}
SECONDS = {"s": 1, "m": 60, "h": 3600}


def load(name: str) -> dict[str, Any]:
    found = yaml.safe_load((K3S / name).read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def seconds(text: str) -> int:
    return sum(int(number) * SECONDS[unit] for number, unit in re.findall(r"(\d+)([smh])", text))


def percent(text: str) -> int:
    return int(text.removesuffix("%"))


@pytest.mark.parametrize("path", sorted(K3S.rglob("*.yaml")), ids=lambda path: path.name)
def test_yaml_has_no_key_twice(path: Path) -> None:
    class Loader(yaml.SafeLoader):
        """Refuses what YAML's own rules forbid and PyYAML lets pass: the later of two keys silently wins."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            assert len(keys) == len(set(keys)), f"{path}: a key stands there twice: {keys}"
            return super().construct_mapping(node, deep)

    assert list(yaml.load_all(path.read_text(encoding="utf-8"), Loader))


def test_config_keys_are_options_of_k3s() -> None:
    config = load("config.yaml")
    assert set(config) == OPTIONS
    assert set(config["disable"]) < PACKAGED
    # Without these the camera's spool, the services' names, or the manifests do not work.
    assert not {"coredns", "local-storage"} & set(config["disable"])


@pytest.mark.parametrize(
    ("key", "name"), [("kube-apiserver-arg", "apiserver"), ("kube-controller-manager-arg", "controller-manager")]
)
def test_arguments_are_flags_of_the_real_components(key: str, name: str) -> None:
    command = component(name)
    if not command:
        pytest.skip(f"neither kube-{name} nor kube is on PATH")
    text = subprocess.run([*command, "--help"], capture_output=True, text=True, timeout=60, check=True).stdout
    flags = set(re.findall(r"--([a-z0-9-]+)", text))
    given = {argument.split("=", 1)[0] for argument in load("config.yaml")[key]}
    assert given <= flags


def test_audit_log_is_bounded_and_its_policy_is_where_config_says() -> None:
    given = dict(argument.split("=", 1) for argument in load("config.yaml")["kube-apiserver-arg"])
    script = (K3S / "lib/actions.sh").read_text(encoding="utf-8").replace("$DATA", "/var/lib/rancher/k3s")
    assert f'put "$HERE/audit.yaml" {given["audit-policy-file"]} ' in script
    assert int(given["audit-log-maxsize"]) * (int(given["audit-log-maxbackup"]) + 1) <= 40
    levels = {rule["level"] for rule in load("audit.yaml")["rules"]}
    assert levels == {"None", "Metadata"}, "a body in the log would be a Secret's content"


def test_sysctls_are_those_that_protect_kernel_defaults_asks_for() -> None:
    assert load("config.yaml")["protect-kernel-defaults"] is True
    lines = (K3S / "sysctl.conf").read_text(encoding="utf-8").splitlines()
    found = dict(line.split("=") for line in lines if "=" in line and not line.startswith("#"))
    wanted = {"vm.overcommit_memory": "1", "vm.panic_on_oom": "0", "kernel.panic": "10", "kernel.panic_on_oops": "1"}
    assert found == wanted


def test_images_are_collected_before_pods_are_evicted_and_never_by_age() -> None:
    kubelet = load("kubelet.conf")
    high, low = kubelet["imageGCHighThresholdPercent"], kubelet["imageGCLowThresholdPercent"]
    assert low < high < 100 - percent(kubelet["evictionHard"]["imagefs.available"])
    assert high < 100 - percent(kubelet["evictionHard"]["nodefs.available"])
    assert kubelet["imageMaximumGCAge"] == "0s", "a rollback without the uplink needs the image of the version before"


def test_a_shutdown_leaves_time_and_logind_grants_it() -> None:
    kubelet = load("kubelet.conf")
    whole = seconds(kubelet["shutdownGracePeriod"])
    assert whole > seconds(kubelet["shutdownGracePeriodCriticalPods"]) > 0
    found = re.search(r"^InhibitDelayMaxSec=(\d+)$", (K3S / "logind.conf").read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None and int(found[1]) > whole


def kubelet_says(config: Path) -> str:
    """Start the real kubelet with a config and a kubeconfig that is not there: it reads, checks, and ends."""
    command = component("kubelet")
    if not command:
        pytest.skip("neither kubelet nor kube is on PATH")
    flags = [f"--config={config}", f"--kubeconfig={config.parent}/none", f"--root-dir={config.parent}/root"]
    done = subprocess.run([*command, *flags], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    return done.stderr


def test_the_real_kubelet_takes_the_drop_in(tmp_path: Path) -> None:
    config = tmp_path / "kubelet.yaml"
    config.write_bytes((K3S / "kubelet.conf").read_bytes())
    said = kubelet_says(config)
    assert "strict" not in said and "invalid configuration" not in said
    assert "invalid kubeconfig" in "\n".join(said.splitlines()[-5:]), "it was to get as far as the kubeconfig"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        pytest.param("maxPods:", "maxPodz:", "unknown field", id="unknown-key"),
        pytest.param("ThresholdPercent: 70", "ThresholdPercent: 90", "must be less than", id="impossible"),
    ],
)
def test_the_real_kubelet_would_have_refused(tmp_path: Path, old: str, new: str, reason: str) -> None:
    config = tmp_path / "kubelet.yaml"
    config.write_text((K3S / "kubelet.conf").read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    assert reason in kubelet_says(config)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def apiserver_says(policy: Path, folder: Path) -> str:
    """Start the real API server without a database; it reads the policy, then ends at an admission file that is missing."""
    command = component("apiserver")
    if not command:
        pytest.skip("neither kube-apiserver nor kube is on PATH")
    key = folder / "key"
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], capture_output=True, check=True)
    flags = [
        "--advertise-address=192.0.2.1", f"--secure-port={free_port()}", "--etcd-servers=http://127.0.0.1:1",
        f"--audit-policy-file={policy}", f"--audit-log-path={folder}/log", f"--cert-dir={folder}/certs",
        "--service-account-issuer=https://test", f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}", "--service-cluster-ip-range=10.43.0.0/16",
        f"--admission-control-config-file={folder}/missing",
    ]  # fmt: skip
    done = subprocess.run([*command, *flags], capture_output=True, text=True, timeout=60, check=False)
    # Its last words; another of its threads may have one more to say after the reason.
    return "\n".join(done.stderr.splitlines()[-5:])


def test_the_real_api_server_takes_the_audit_policy(tmp_path: Path) -> None:
    assert f"{tmp_path}/missing" in apiserver_says(K3S / "audit.yaml", tmp_path)


def test_the_real_api_server_would_have_refused(tmp_path: Path) -> None:
    bad = tmp_path / "audit.yaml"
    bad.write_text((K3S / "audit.yaml").read_text(encoding="utf-8").replace("Metadata", "Metadatas"), encoding="utf-8")
    assert "loading audit policy file" in apiserver_says(bad, tmp_path)


def test_registries_example_has_a_config_for_each_endpoint_and_no_default_endpoint() -> None:
    registries = load("registries.yaml")
    for name, mirror in registries["mirrors"].items():
        for endpoint in mirror["endpoint"]:
            # K3s ignores an endpoint that equals the default one, and its rewrites with it.
            assert endpoint.removeprefix("https://") != name
            assert endpoint.removeprefix("https://") in registries["configs"]
    assert all("insecure_skip_verify" not in config["tls"] for config in registries["configs"].values())
