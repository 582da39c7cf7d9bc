"""The gateway: what wears out, fills up or gets hot in a box that nobody looks into."""

from __future__ import annotations

from boards.panel import FULL, THIRD, Board, Panel, Query, Row, Variable

_NODE = 'node=~"$node"'
# A kubelet also tells of the pod as a whole (no container) and of its pause container.
_CONTAINER = f'{_NODE}, container!="", container!="POD"'
# Not the pods' own ends of the wire.
_UPLINK = f'{_NODE}, device!~"lo|veth.*|cni.*|flannel.*"'
# Where data lives; the kernel's own file systems are never full in a way that matters.
_DISK = f'{_NODE}, fstype!~"tmpfs|ramfs|overlay|squashfs|proc|sysfs|cgroup.*|devtmpfs|nsfs"'


def _by_container(metric: str) -> str:
    return f"sum by (pod, container) (rate({metric}{{{_CONTAINER}}}[$__rate_interval]))"


def _node(title: str, tells: str, unit: str, *queries: Query, stack: bool = False) -> Panel:
    return Panel(title=title, tells=tells, unit=unit, width=THIRD, queries=queries, stack=stack)


_BOX = Row(
    "The box",
    (
        _node(
            "CPU",
            "Seconds of CPU a second by what they went to; the cores are the most there is.",
            "short",
            Query(
                f'sum by (mode) (rate(node_cpu_seconds_total{{{_NODE}, mode!="idle"}}[$__rate_interval]))', "{{mode}}"
            ),
            stack=True,
        ),
        _node(
            "Pressure",
            "Share of time in which something waited for CPU, memory or disk.",
            "percentunit",
            Query(f"max by (node) (rate(node_pressure_cpu_waiting_seconds_total{{{_NODE}}}[$__rate_interval]))", "cpu"),
            Query(
                f"max by (node) (rate(node_pressure_memory_waiting_seconds_total{{{_NODE}}}[$__rate_interval]))",
                "memory",
            ),
            Query(f"max by (node) (rate(node_pressure_io_waiting_seconds_total{{{_NODE}}}[$__rate_interval]))", "disk"),
        ),
        _node(
            "Memory",
            "What is there and what could still be had without killing anything.",
            "bytes",
            Query(f"max by (node) (node_memory_MemTotal_bytes{{{_NODE}}})", "total {{node}}"),
            Query(f"max by (node) (node_memory_MemAvailable_bytes{{{_NODE}}})", "available {{node}}"),
        ),
        _node(
            "Temperature",
            "The sensors that the kernel knows; a box in a cupboard slows down before it fails.",
            "celsius",
            Query(f"max by (chip, sensor) (node_hwmon_temp_celsius{{{_NODE}}})", "{{chip}} {{sensor}}"),
            Query(f"max by (type, zone) (node_thermal_zone_temp{{{_NODE}}})", "{{type}} {{zone}}"),
        ),
        _node(
            "Disk in use",
            "Share of each file system that is full.",
            "percentunit",
            Query(
                f"1 - max by (mountpoint) (node_filesystem_avail_bytes{{{_DISK}}})"
                f" / max by (mountpoint) (node_filesystem_size_bytes{{{_DISK}}})",
                "{{mountpoint}}",
            ),
        ),
        _node(
            "Disk wear",
            "Bytes written a second: flash bears a certain number of them in its life.",
            "Bps",
            Query(f"sum by (device) (rate(node_disk_written_bytes_total{{{_NODE}}}[$__rate_interval]))", "{{device}}"),
            Query(
                "sum by (release) (rate(edge_camera_spool_written_bytes_total[$__rate_interval]))", "spool {{release}}"
            ),
        ),
        _node(
            "Clock",
            "How far the kernel believes its clock to be off; events carry this clock's time.",
            "s",
            Query(f"max by (node) (abs(node_timex_offset_seconds{{{_NODE}}}))", "{{node}}"),
        ),
        _node(
            "Uplink",
            "Bytes a second by network device.",
            "Bps",
            Query(
                f"sum by (device) (rate(node_network_transmit_bytes_total{{{_UPLINK}}}[$__rate_interval]))",
                "out {{device}}",
            ),
            Query(
                f"sum by (device) (rate(node_network_receive_bytes_total{{{_UPLINK}}}[$__rate_interval]))",
                "in {{device}}",
            ),
        ),
        _node(
            "Targets that answer",
            "1 while Prometheus can scrape it. All at 0 is Prometheus itself, or the network.",
            "none",
            Query("min by (job, pod, node) (up)", "{{job}} {{pod}} {{node}}"),
        ),
    ),
)

_CONTAINERS = Row(
    "Containers",
    (
        _node(
            "CPU taken away",
            "Share of the periods in which the limit stopped a container. Answers come late while it is high.",
            "percentunit",
            Query(
                f"{_by_container('container_cpu_cfs_throttled_periods_total')}"
                f" / ({_by_container('container_cpu_cfs_periods_total')} > 0)",
                "{{pod}} {{container}}",
            ),
        ),
        _node(
            "CPU",
            "Seconds of CPU a second by container.",
            "short",
            Query(
                _by_container("container_cpu_usage_seconds_total"),
                "{{pod}} {{container}}",
            ),
            stack=True,
        ),
        _node(
            "Memory against the limit",
            "Working set over the container's limit; at 1 the kernel kills it.",
            "percentunit",
            Query(
                f"sum by (pod, container) (container_memory_working_set_bytes{{{_CONTAINER}}})"
                f" / (sum by (pod, container) (container_spec_memory_limit_bytes{{{_CONTAINER}}}) > 0)",
                "{{pod}} {{container}}",
            ),
        ),
    ),
)

_WATCH = Row(
    "The watch itself",
    (
        _node(
            "Prometheus's memory",
            "Resident memory of Prometheus.",
            "bytes",
            Query('max by (pod) (process_resident_memory_bytes{job="prometheus"})', "{{pod}}"),
        ),
        _node(
            "Prometheus's disk",
            "Blocks on the disk; the limit by size deletes the oldest. The write-ahead log comes on top.",
            "bytes",
            Query('max by (pod) (prometheus_tsdb_storage_blocks_bytes{job="prometheus"})', "blocks {{pod}}"),
        ),
        _node(
            "Series",
            "Series in the head: what the memory goes to.",
            "short",
            Query('max by (pod) (prometheus_tsdb_head_series{job="prometheus"})', "{{pod}}"),
        ),
        Panel(
            title="Alerts that fire",
            tells="What an SRE is told now, and was told.",
            unit="none",
            kind="states",
            width=FULL,
            states={1: ("firing", "red")},
            queries=(
                Query(
                    'max by (alertname, release, camera) (ALERTS{alertstate="firing"})',
                    "{{alertname}} {{release}} {{camera}}",
                ),
            ),
        ),
    ),
)

GATEWAY = Board(
    uid="edge-gateway",
    title="edge-serve: gateway",
    tells="The box itself: CPU, memory, heat, disk, clock, uplink; its containers; the watch on them.",
    variables=(Variable(name="node", label="node", metric="node_uname_info"),),
    rows=(_BOX, _CONTAINERS, _WATCH),
)
