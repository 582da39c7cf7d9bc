"""Every setting of the inference service; docs/settings.md is made from this file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_common.settings import choice, flag, number, path_or_none, port_number, setting, whole
from edge_inference.drift import HALF_LIFE_S, MIN_PREDICTIONS

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Parsed once; a typo stops the start."""

    model: Path = setting(Path, help="bundle directory or .onnx file (also the positional argument)")
    expect_name: str = setting(str, "", help="the model's name must be this, or the start stops; empty: any")
    expect_version: str = setting(str, "", help="the model's version must be this; empty: any")
    expect_sha256: str = setting(str, "", help="the graph's SHA-256 must be this; empty: any")
    name: str = setting(str, "edge-inference", help="server name in GET /v2")
    host: str = setting(str, "0.0.0.0", help="address both ports listen on")
    port: int = setting(port_number, 8080, help="inference and health; 0 picks a free one")
    metrics_port: int = setting(port_number, 9090, help="/metrics; 0 picks a free one")
    log_level: str = setting(choice("debug", "info", "warning", "error"), "info", help="least level logged")
    access_log_rate: float = setting(
        number(0, 1), 0.0, help="share of infer requests that get a log line; 0 is none, since flash wears"
    )
    threads: int = setting(
        whole(0, 256), 0, help="ONNX Runtime intra-op threads; 0 takes them from the CPU limit and affinity"
    )
    cache_dir: Path | None = setting(
        path_or_none, None, help="where this machine's optimised graph is kept; halves load time and memory"
    )
    max_body_bytes: int = setting(
        whole(1024, 2**31), 16 * MIB, help="body limit, also after decompression; a 1080p RGB frame is 6 MB"
    )
    max_json_bytes: int = setting(
        whole(1024, 2**31),
        4 * MIB,
        help="JSON part of a body; as objects it takes up to thirty times that, and large ones are read one at a time",
    )
    max_total_body_bytes: int = setting(
        whole(2048, 2**36),
        128 * MIB,
        help="all bodies in memory together, unpacked too; twenty 1080p frames; further ones get 429",
    )
    max_in_flight: int = setting(
        whole(0, 1024),
        0,
        help="inferences run at once; 0 measures: one per thread of the CPU limit, or 64 when a run is under 1 ms",
    )
    max_queue: int = setting(whole(0, 4096), 128, help="requests that may wait for a slot; further ones get 429")
    queue_wait_ms: int = setting(whole(1, 600_000), 2000, help="longest wait for a slot, then 429")
    max_handlers: int = setting(
        whole(8, 4096), 512, help="handler threads, started when needed; slow senders hold one each"
    )
    max_slow_bodies: int = setting(
        whole(0, 4096), 0, help="bodies on their way at once; 0: three quarters of the handlers, so that health answers"
    )
    max_connections: int = setting(whole(16, 200_000), 16_000, help="open connections; more wait in the backlog")
    max_headers: int = setting(whole(4, 90), 64, help="header fields of a request; the transport itself stops at 100")
    header_timeout_ms: int = setting(
        whole(100, 600_000), 30_000, help="time for a client's headers, and of an idle kept-alive connection"
    )
    body_timeout_ms: int = setting(whole(1000, 600_000), 10_000, help="time for a client's body")
    max_pixels: int = setting(
        whole(1, 89_478_485),
        25_000_000,
        help="pixels of an image sent to /predict, checked before decoding; one at a time is decoded, 3 bytes a pixel",
    )
    compress_min_bytes: int = setting(
        whole(0, 2**31), 1024, help="smallest infer answer that is compressed when the client asks"
    )
    shutdown_delay_ms: int = setting(
        whole(0, 600_000), 0, help="after SIGTERM, time in which ready is 503 but requests are still served"
    )
    drain_timeout_ms: int = setting(whole(0, 600_000), 25_000, help="longest wait for requests under way at the end")
    failed_grace_ms: int = setting(
        whole(0, 3_600_000), 5000, help="after a failed self-check, time until exit 3, so that the reason can be read"
    )
    budget: bool = setting(flag, True, help="hold the bundle's [budget] before ready")
    drift_half_life_s: int = setting(
        whole(60, 30 * 86_400),
        HALF_LIFE_S,
        help="predictions count half as much for drift after this; with 1 h, one each 10 s is just enough",
    )
    drift_min_predictions: int = setting(
        whole(1, 10**9),
        MIN_PREDICTIONS,
        help="weight of recent predictions below which drift is not told; 500 in ten bins give 0.02 by chance",
    )
