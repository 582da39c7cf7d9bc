# The camera-ingest pod: Python, OpenCV with FFmpeg, and edge_camera, and nothing else.
#   docker build -f Dockerfiles/camera-ingest.Dockerfile -t edge-camera-ingest:dev .        (or podman, or buildah)
# The parts before "--- the service" are the same in inference.Dockerfile, so that both images share their first layer.

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
COPY requirements/camera.txt Dockerfiles/install.sh Dockerfiles/slim.py /build/
RUN sh /build/install.sh dependencies /build/camera.txt camera
# Certificates of public authorities, for HTTPS cameras, services and webhooks and for MQTT over TLS. From Debian's package and
# not from this stage's /etc, where a builder may have put its own.
RUN cd /build && apt-get update && apt-get download ca-certificates && dpkg-deb -x ca-certificates_*.deb authorities \
 && mkdir -p /dependencies/etc/ssl/certs /dependencies/usr/lib/ssl /dependencies/var/lib/dpkg/status.d \
 && cat authorities/usr/share/ca-certificates/mozilla/*.crt >/dependencies/etc/ssl/certs/ca-certificates.crt \
 && ln -s /etc/ssl/certs/ca-certificates.crt /dependencies/usr/lib/ssl/cert.pem \
 && dpkg-deb --field ca-certificates_*.deb >/dependencies/var/lib/dpkg/status.d/ca-certificates

FROM packages AS service
COPY services/common /build/common
COPY services/camera_ingest /build/camera_ingest
RUN sh /build/install.sh service /build/common /build/camera_ingest

FROM python
COPY --from=packages /dependencies /
COPY --from=service /service /
EXPOSE 8090 9091
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/edge-camera"]
# From a volume, or a ConfigMap's.
CMD ["/etc/edge-camera/cameras.toml"]
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="edge-camera-ingest" \
      org.opencontainers.image.description="Feeds camera frames to inference services and turns the answers into events" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
