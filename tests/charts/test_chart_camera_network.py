"""camera-ingest: nowhere to go but where it must, and nobody in but those who are named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from helm_support import CHARTS, LEAST, merged, one, refusal, render, run

pytestmark = pytest.mark.charts
CHART = "camera-ingest"


def _ways(values: dict[str, Any]) -> list[tuple[Any, Any]]:
    """(CIDR or None for pods, first port) of every egress rule."""
    rules = one(render(CHART, values), "NetworkPolicy")["spec"]["egress"]
    assert all(rule["ports"] for rule in rules), "none means all"
    return [(peer.get("ipBlock", {}).get("cidr"), rule["ports"][0]["port"]) for rule in rules for peer in rule["to"]]


def _cameras(*urls: str, policy: dict[str, Any] | None = None, transport: str = "tcp") -> dict[str, Any]:
    """Cameras dock-3, b, c, d of these URLs."""
    named = zip(["dock-3", "b", "c", "d"], urls, strict=False)
    cameras = {name: {"url": url, "capture": {"transport": transport}} for name, url in named}
    return {"cameras": cameras, "networkPolicy": policy or {}}


def _ports(values: dict[str, Any]) -> dict[str, list[Any]]:
    """What is open of each camera's CIDR: TCP ports, and UDP."""
    rules = one(render(CHART, values), "NetworkPolicy")["spec"]["egress"][2:]
    return {
        peer["ipBlock"]["cidr"]: [each.get("port", each.get("protocol")) for each in rule["ports"]]
        for rule in rules
        for peer in rule["to"]
    }


def test_egress_is_dns_inference_and_the_cameras_address() -> None:
    assert _ways({}) == [(None, 53), (None, 8080), ("192.168.1.20/32", 554)]


def test_egress_of_named_networks_and_sinks() -> None:
    policy = {"cameraCidrs": {"hall": "10.2.0.0/24"}, "sinkCidrs": {"broker": {"cidr": "198.18.1.2/32", "port": 8883}}}
    values = {"cameras": {"dock-3": {"url": "rtsp://cam.local/1"}}, "networkPolicy": policy}
    assert _ways(values)[2:] == [("10.2.0.0/24", 554), ("198.18.1.2/32", 8883)]


@pytest.mark.parametrize(
    ("url", "transport", "ports"),
    [
        pytest.param("rtsp://10.0.0.1/x", "tcp", [554], id="rtsp"),
        pytest.param("RTSP://10.0.0.1:8554/x", "tcp", [8554], id="port"),
        pytest.param("http://10.0.0.1/x:1", "tcp", [80], id="http"),
        pytest.param("https://10.0.0.1/x", "tcp", [443], id="https"),
        pytest.param("rtsp://10.0.0.1/x", "udp", [554, "UDP"], id="udp"),
        pytest.param("http://10.0.0.1/x", "udp", [80], id="udp-is-of-rtsp"),
    ],
)
def test_a_camera_is_reached_on_its_own_port_and_by_udp_only_when_it_is_read_so(
    url: str, transport: str, ports: list[Any]
) -> None:
    assert _ports(_cameras(url, transport=transport)) == {"10.0.0.1/32": ports}


def test_further_ports_are_of_all_cameras() -> None:
    policy = {"cameraPorts": {"recorder": 10554, "other": 8000}}
    assert _ports(_cameras("rtsp://10.0.0.1/x", "http://10.0.0.2/x", policy=policy)) == {
        "10.0.0.1/32": [554, 8000, 10554],
        "10.0.0.2/32": [80, 8000, 10554],
    }


def test_cameras_of_the_same_ports_share_a_rule() -> None:
    values = _cameras("rtsp://10.0.0.1/x", "rtsp://10.0.0.2/x", "rtsp://10.0.0.1/y", "rtsp://10.0.0.3:8554/x")
    rules = one(render(CHART, values), "NetworkPolicy")["spec"]["egress"][2:]
    assert [sorted(peer["ipBlock"]["cidr"] for peer in rule["to"]) for rule in rules] == [
        ["10.0.0.1/32", "10.0.0.2/32"],
        ["10.0.0.3/32"],
    ]


@pytest.mark.parametrize(
    ("cidrs", "ports"),
    [
        pytest.param({"dock-3": "10.1.0.0/24", "b": "10.2.0.0/24"}, {"10.1.0.0/24": [8080], "10.2.0.0/24": [554]}, id="own"),
        pytest.param({"hall": "10.3.0.0/24"}, {"10.3.0.0/24": [554, 8080]}, id="shared"),
        pytest.param({"dock-3": "10.1.0.0/24", "hall": "10.3.0.0/24"}, {"10.1.0.0/24": [8080], "10.3.0.0/24": [554]}, id="both"),
    ],
)  # fmt: skip
def test_an_entry_is_of_the_camera_of_its_name_or_of_all_that_have_none(cidrs: Any, ports: Any) -> None:
    values = _cameras(
        "http://gate.local:8080/x", "rtsp://cam.local/x", "rtsp://10.9.0.1:8554/x", policy={"cameraCidrs": cidrs}
    )
    assert _ports(values) == {"10.9.0.1/32": [8554], **ports}


def test_an_entry_that_no_camera_needs_opens_nothing() -> None:
    assert _ports(_cameras("rtsp://10.0.0.1/x", policy={"cameraCidrs": {"hall": "10.3.0.0/24"}})).keys() == {
        "10.0.0.1/32"
    }


def test_a_second_camera_does_not_slip_through_behind_the_first() -> None:
    said = refusal(
        CHART, _cameras("rtsp://a.local/x", "rtsp://b.local/x", policy={"cameraCidrs": {"dock-3": "10.1.0.0/24"}})
    )
    assert "cameras.b.url has a host name: set networkPolicy.cameraCidrs.b to the CIDR where it is" in said


def test_a_second_sink_does_not_either() -> None:
    sinks = {"mqtt": {"url": "mqtt://broker.lab"}, "webhook": {"url": "https://receiver.lab"}}
    said = refusal(
        CHART, {"sinks": sinks, "networkPolicy": {"sinkCidrs": {"mqtt": {"cidr": "10.1.0.1/32", "port": 1883}}}}
    )
    assert "sinks.webhook.url has a host name: set networkPolicy.sinkCidrs.webhook={cidr, port}" in said


def _notes(values: dict[str, Any]) -> str:
    command = ("helm", "install", "dock", str(CHARTS / CHART), "-n", "edge", "--dry-run=client", "--values=-")
    done = run(*command, text=json.dumps(merged(LEAST[CHART], values)))
    assert done.returncode == 0, done.stderr
    return done.stdout.partition("NOTES:")[2]


def test_notes_name_those_that_a_shared_entry_has_to_cover() -> None:
    policy = {
        "cameraCidrs": {"dock-3": "10.1.0.0/24", "hall": "10.3.0.0/24"},
        "sinkCidrs": {"x": {"cidr": "10.1.0.1/32", "port": 1883}},
    }
    sinks = {"sinks": {"mqtt": {"url": "mqtt://broker.lab"}}}
    values = _cameras("rtsp://a.local/x", "rtsp://b.local/x", "rtsp://c.local/x", "rtsp://10.0.0.1/x", policy=policy)
    notes = _notes(values | sinks)
    assert "addresses: camera b, c." in notes and "10.3.0.0/24" in notes
    assert "addresses and ports: sink mqtt." in notes
    assert "policies know no names" not in _notes({})
    assert "policies know no names" not in _notes(merged(values, {"networkPolicy": {"enabled": False}}))


@pytest.mark.parametrize(
    ("sinks", "way"),
    [
        pytest.param({"mqtt": {"url": "mqtts://10.9.9.9"}}, ("10.9.9.9/32", 8883), id="mqtts"),
        pytest.param({"mqtt": {"url": "mqtt://10.9.9.9"}}, ("10.9.9.9/32", 1883), id="mqtt"),
        pytest.param({"mqtt": {"url": "mqtt://10.9.9.9:2883"}}, ("10.9.9.9/32", 2883), id="port"),
        pytest.param({"webhook": {"url": "https://10.9.9.9/events"}}, ("10.9.9.9/32", 443), id="https"),
        pytest.param({"webhook": {"url": "http://10.9.9.9:88/a:1"}}, ("10.9.9.9/32", 88), id="path-with-colon"),
    ],
)
def test_a_sinks_address_is_opened_with_its_port(sinks: dict[str, Any], way: tuple[str, int]) -> None:
    assert _ways({"sinks": sinks})[3:] == [way]


@pytest.mark.parametrize(
    ("values", "way"),
    [
        pytest.param({"cameras": {"dock-3": {"url": "rtsp://[fd00::20]:8554/x"}}}, ("fd00::20/128", 8554), id="camera"),
        pytest.param({"cameras": {"dock-3": {"url": "RTSP://[FD00::20]/x"}}}, ("FD00::20/128", 554), id="capitals"),
        pytest.param(
            {"cameras": {"dock-3": {"url": "/x"}}, "sinks": {"mqtt": {"url": "mqtts://[fd00::9]"}}},
            ("fd00::9/128", 8883),
            id="sink",
        ),
        pytest.param(
            {"cameras": {"dock-3": {"url": "/x"}}, "sinks": {"webhook": {"url": "http://[fd00::9]:88/a"}}},
            ("fd00::9/128", 88),
            id="sink-with-port",
        ),
    ],
)
def test_an_ipv6_address_is_an_address(values: dict[str, Any], way: tuple[str, int]) -> None:
    assert _ways(values)[2:] == [way]


@pytest.mark.parametrize(
    ("inference", "ways"),
    [
        pytest.param({}, [(None, [8080])], id="default"),
        pytest.param({"url": "http://detector"}, [(None, [8080, 80])], id="name"),
        pytest.param({"url": "http://detector:9000/api"}, [(None, [8080, 9000])], id="name-and-port"),
        pytest.param({"url": "http://10.0.0.7:8000"}, [("10.0.0.7/32", [8000])], id="address"),
        pytest.param({"url": "https://10.0.0.7"}, [("10.0.0.7/32", [443])], id="https"),
        pytest.param({"url": "http://[fd00::7]:8000"}, [("fd00::7/128", [8000])], id="ipv6"),
        pytest.param({"candidate": {"enabled": True}}, [(None, [8080])], id="candidate-beside"),
        pytest.param(
            {"candidate": {"enabled": True, "url": "http://10.0.0.8:81"}},
            [(None, [8080]), ("10.0.0.8/32", [81])],
            id="candidate-elsewhere",
        ),
        pytest.param({"candidate": {"url": "http://10.0.0.8:81"}}, [(None, [8080])], id="candidate-off"),
    ],
)
@pytest.mark.parametrize("name", ["dock", "dock-preflight"])
def test_egress_follows_where_the_model_is(name: str, inference: dict[str, Any], ways: list[Any]) -> None:
    manifests = render(CHART, {"inference": inference, "cameras": {"dock-3": {"url": "/x.mp4"}}})
    rules = one(manifests, "NetworkPolicy", name)["spec"]["egress"][1:]
    found = [(rule["to"][0].get("ipBlock", {}).get("cidr"), [each["port"] for each in rule["ports"]]) for rule in rules]
    assert found == ways


def test_the_model_s_pods_can_be_elsewhere() -> None:
    there = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "models"}}}
    values = {
        "inference": {"url": "http://detector.models"},
        "networkPolicy": {"inference": there, "inferencePort": 81},
    }
    rule = one(render(CHART, values), "NetworkPolicy")["spec"]["egress"][1]
    assert rule["to"][0]["namespaceSelector"] == there["namespaceSelector"]
    assert rule["ports"] == [{"port": 81}, {"port": 80}]


def test_a_file_needs_no_way_out() -> None:
    assert _ways({"cameras": {"dock-3": {"url": "/clips/x.mp4"}}}) == [(None, 53), (None, 8080)]


def test_only_a_camera_over_udp_may_send_to_the_pod() -> None:
    def senders(values: dict[str, Any]) -> list[Any]:
        rules = one(render(CHART, values), "NetworkPolicy")["spec"]["ingress"]
        return [rule["from"] for rule in rules if rule["ports"][0].get("protocol") == "UDP"]

    udp = {"cameras": {"dock-3": {"capture": {"transport": "udp"}}}}
    assert senders({}) == []
    assert senders(udp) == [[{"ipBlock": {"cidr": "192.168.1.20/32"}}]]
    both = merged(udp, {"cameras": {"gate": {"url": "rtsp://10.0.0.1/x"}}})
    assert senders(both) == senders(udp), "no other"


def test_nobody_sees_the_page_but_those_who_are_named() -> None:
    def readers(values: dict[str, Any]) -> Any:
        rules = one(render(CHART, values), "NetworkPolicy")["spec"]["ingress"]
        return next(rule["from"] for rule in rules if rule["ports"] == [{"port": "http"}])

    assert len(readers({})) == 1, "helm test"
    named = {"office": {"ipBlock": {"cidr": "10.9.0.0/16"}}}
    assert readers({"networkPolicy": {"clients": named}})[1:] == [named["office"]]
