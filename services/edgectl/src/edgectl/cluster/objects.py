"""Kubernetes' objects, as far as edgectl reads them."""

from __future__ import annotations

from datetime import datetime

import msgspec

INSTANCE, COMPONENT, NAME, PART_OF = (
    f"app.kubernetes.io/{part}" for part in ("instance", "component", "name", "part-of")
)
MODEL, MODEL_VERSION = "edge-serve/model", "edge-serve/model-version"
TEMPLATE_HASH = "pod-template-hash"
OURS = f"{PART_OF}=edge-serve"


class _Object(msgspec.Struct, frozen=True, rename="camel"):
    """Unknown fields are ignored; missing ones are empty."""


class Owner(_Object, frozen=True, rename="camel"):
    """Who made an object."""

    kind: str = ""
    name: str = ""


class Meta(_Object, frozen=True, rename="camel"):
    """metadata of any object."""

    name: str = ""
    namespace: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    resource_version: str = ""
    owner_references: list[Owner] = []


class Named(_Object, frozen=True, rename="camel"):
    """An object of which only metadata is read."""

    metadata: Meta = Meta()


class Port(_Object, frozen=True, rename="camel"):
    """One port of a container."""

    container_port: int
    name: str = ""


class Resources(_Object, frozen=True, rename="camel"):
    """Limits, as Kubernetes writes quantities."""

    limits: dict[str, str] = {}


class Container(_Object, frozen=True, rename="camel"):
    """One container of a pod's spec."""

    name: str
    image: str = ""
    ports: list[Port] = []
    resources: Resources = Resources()


class PodSpec(_Object, frozen=True, rename="camel"):
    """spec of a pod."""

    containers: list[Container] = []
    node_name: str = ""


class Ended(_Object, frozen=True, rename="camel"):
    """How a container ended."""

    reason: str = ""
    exit_code: int = 0
    finished_at: datetime | None = None


class Waiting(_Object, frozen=True, rename="camel"):
    """What a container waits for."""

    reason: str = ""
    message: str = ""


class ContainerState(_Object, frozen=True, rename="camel"):
    """One of several."""

    waiting: Waiting | None = None
    terminated: Ended | None = None


class ContainerStatus(_Object, frozen=True, rename="camel"):
    """One container as it runs."""

    name: str
    ready: bool = False
    restart_count: int = 0
    image_id: str = msgspec.field(default="", name="imageID")
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()


class Condition(_Object, frozen=True, rename="camel"):
    """One condition."""

    type: str
    status: str
    message: str = ""
    reason: str = ""


class PodStatus(_Object, frozen=True, rename="camel"):
    """status of a pod."""

    phase: str = ""
    pod_ip: str = msgspec.field(default="", name="podIP")
    container_statuses: list[ContainerStatus] = []
    init_container_statuses: list[ContainerStatus] = []
    conditions: list[Condition] = []


class Pod(_Object, frozen=True, rename="camel"):
    """A pod."""

    metadata: Meta
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class Template(_Object, frozen=True, rename="camel"):
    """What pods are made from."""

    metadata: Meta = Meta()


class DeploymentSpec(_Object, frozen=True, rename="camel"):
    """spec of a Deployment."""

    replicas: int = 1
    template: Template = Template()


class DeploymentStatus(_Object, frozen=True, rename="camel"):
    """status of a Deployment."""

    ready_replicas: int = 0
    updated_replicas: int = 0
    conditions: list[Condition] = []


class Deployment(_Object, frozen=True, rename="camel"):
    """A Deployment."""

    metadata: Meta
    spec: DeploymentSpec = DeploymentSpec()
    status: DeploymentStatus = DeploymentStatus()


class JobSpec(_Object, frozen=True, rename="camel"):
    """spec of a Job."""

    template: Template = Template()


class JobStatus(_Object, frozen=True, rename="camel"):
    """status of a Job."""

    conditions: list[Condition] = []


class Job(_Object, frozen=True, rename="camel"):
    """A Job."""

    metadata: Meta
    spec: JobSpec = JobSpec()
    status: JobStatus = JobStatus()


class ConfigMap(_Object, frozen=True, rename="camel"):
    """A ConfigMap."""

    metadata: Meta
    data: dict[str, str] = {}


class Event(_Object, frozen=True, rename="camel"):
    """What Kubernetes says happened to an object."""

    metadata: Meta
    involved_object: Owner = Owner()
    type: str = ""
    reason: str = ""
    message: str = ""
    count: int | None = None
    first_timestamp: datetime | None = None
    last_timestamp: datetime | None = None
    event_time: datetime | None = None
