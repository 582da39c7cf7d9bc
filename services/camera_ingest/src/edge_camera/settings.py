"""The settings of `edge-camera`: flags, and the same as EDGE_* variables."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

from edge_common.settings import choice, flag, number, path_or_none, port_number, setting, whole

DEFAULT_ANSWERS_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the process runs; what it looks at stands in the config file."""

    host: str = setting(str, "0.0.0.0", help="address of both listeners")
    port: int = setting(port_number, 8090, help="port of the live page, status and health; 0 picks a free one")
    metrics_port: int = setting(port_number, 9091, help="port of /metrics; 0 picks a free one")
    gateway: str = setting(str, "", help="this gateway's name in events; empty takes the host name")
    log_level: str = setting(choice("debug", "info", "warning", "error"), "info", help="debug, info, warning or error")
    summary_s: float = setting(number(1, 86400), 60.0, help="seconds between two summary events of a camera")
    viewers: int = setting(whole(1, 64), 8, help="live streams served at once; a further one is answered 429")
    stream_fps: float = setting(number(0.2, 60), 15.0, help="pictures a second in a live stream, at most")
    jpeg_quality: int = setting(whole(10, 100), 80, help="JPEG quality of streams and snapshots")
    exit_at_end: bool = setting(flag, False, help="end with exit code 0 once every file source has ended")
    linger_s: float = setting(number(0, 3600), 0.0, help="with exit_at_end: seconds to go on serving after the end")
    report: Path | None = setting(path_or_none, None, help="file for the totals (JSON), written at the end")
    answers: Path | None = setting(path_or_none, None, help="file for every answer, one JSON object a line")
    answers_max_bytes: int = setting(
        whole(1, 1 << 40), DEFAULT_ANSWERS_BYTES, help="bytes of the answers file; later answers are left out"
    )

    @property
    def gateway_name(self) -> str:
        """The name in events: the one that was set, or the host's."""
        return self.gateway or socket.gethostname()
