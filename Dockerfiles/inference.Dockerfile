# The runtime of every model service, without a model: Python, ONNX Runtime and edge_inference, and nothing else.
#   docker build -f Dockerfiles/inference.Dockerfile -t edge-inference:dev .        (or podman, or buildah)
# The parts before "--- the service" are the same in camera-ingest.Dockerfile, so that both images share their first layer.

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
COPY requirements/inference.txt Dockerfiles/install.sh Dockerfiles/slim.py /build/
RUN sh /build/install.sh dependencies /build/inference.txt inference

FROM packages AS service
COPY services/common /build/common
COPY services/inference /build/inference
COPY Dockerfiles/pack_bundle.py /build/
RUN sh /build/install.sh service /build/common /build/inference

FROM python
# Three layers, the seldom changed ones first: a new version of the service moves only the last, under 1 MB.
COPY --from=packages /dependencies /
COPY --from=service /service /
# One bundle: from the layer that model.Dockerfile adds, or from a volume mounted there. ONNX Runtime reports its
# use to its maker over HTTPS unless told not to.
ENV EDGE_MODEL=/model ORT_DISABLE_TELEMETRY=1
EXPOSE 8080 9090
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/edge-inference"]
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="edge-inference" \
      org.opencontainers.image.description="Serves one ONNX model over the Open Inference Protocol" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
