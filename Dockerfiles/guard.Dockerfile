# The guard of a rollout: Python and edgectl's `rollout`, and nothing else: no Kubernetes client, no ONNX, no helm.
#   docker build -f Dockerfiles/guard.Dockerfile -t edge-guard:dev .        (or podman, or buildah)
# The parts before "--- the service" are the same in inference.Dockerfile, so that all images share their first layer.

# Pin it for a release: --build-arg BASE=docker.io/library/debian:bookworm-slim@sha256:...
ARG BASE=docker.io/library/debian:bookworm-slim
FROM ${BASE} AS tools
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      binutils python3 python3-pip python3-hatchling \
 && rm -rf /var/lib/apt/lists/*

FROM tools AS root
COPY Dockerfiles/rootfs.sh /build/
RUN sh /build/rootfs.sh /rootfs

FROM scratch AS python
COPY --from=root /rootfs /
ENV PATH=/usr/local/bin:/usr/bin LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532
WORKDIR /

# --- the service
FROM tools AS packages
COPY requirements/guard.txt Dockerfiles/install.sh Dockerfiles/slim.py /build/
RUN sh /build/install.sh dependencies /build/guard.txt guard

FROM packages AS service
COPY services/common /build/common
COPY services/edgectl /build/edgectl
RUN sh /build/install.sh service /build/common /build/edgectl

FROM python
COPY --from=packages /dependencies /
COPY --from=service /service /
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/edgectl", "rollout"]
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="edge-guard" \
      org.opencontainers.image.description="Watches a new version of a model on its gateway, and says whether it is good" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
