"""camera-ingest: nowhere to go but where it must, and nobody in but those who are named."""

from __future__ import annotations

from typing import Any

import pytest

from helm_support import one, render

pytestmark = pytest.mark.charts
CHART = "camera-ingest"


def _ways(values: dict[str, Any]) -> list[tuple[Any, Any]]:
    """(CIDR or None for pods, port or None for all) of every egress rule."""
    rules = one(render(CHART, values), "NetworkPolicy")["spec"]["egress"]
    return [
        (peer.get("ipBlock", {}).get("cidr"), rule.get("ports", [{}])[0].get("port"))
        for rule in rules
        for peer in rule["to"]
    ]


def test_egress_is_dns_inference_and_the_cameras_address() -> None:
    assert _ways({}) == [(None, 53), (None, 8080), ("192.168.1.20/32", None)]


def test_egress_of_named_networks_and_sinks() -> None:
    policy = {"cameraCidrs": {"hall": "10.2.0.0/24"}, "sinkCidrs": {"broker": {"cidr": "198.18.1.2/32", "port": 8883}}}
    values = {"cameras": {"dock-3": {"url": "rtsp://cam.local/1"}}, "networkPolicy": policy}
    assert _ways(values)[2:] == [("10.2.0.0/24", None), ("198.18.1.2/32", 8883)]


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
        pytest.param({"cameras": {"dock-3": {"url": "rtsp://[fd00::20]:8554/x"}}}, ("fd00::20/128", None), id="camera"),
        pytest.param({"cameras": {"dock-3": {"url": "RTSP://[FD00::20]/x"}}}, ("FD00::20/128", None), id="capitals"),
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
def test_an_ipv6_address_is_an_address(values: dict[str, Any], way: tuple[str, int | None]) -> None:
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


def test_nobody_sees_the_page_but_those_who_are_named() -> None:
    def readers(values: dict[str, Any]) -> Any:
        rules = one(render(CHART, values), "NetworkPolicy")["spec"]["ingress"]
        return next(rule["from"] for rule in rules if rule["ports"] == [{"port": "http"}])

    assert len(readers({})) == 1, "helm test"
    named = {"office": {"ipBlock": {"cidr": "10.9.0.0/16"}}}
    assert readers({"networkPolicy": {"clients": named}})[1:] == [named["office"]]
