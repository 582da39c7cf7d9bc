# One model: the runtime image and one layer with one bundle. The context is the bundle's directory.
#   docker build -f Dockerfiles/model.Dockerfile --build-arg RUNTIME=edge-inference:1.0.0 \
#     -t edge-model-belt-detector:1.0.0 models/belt-detector                       (or podman, or buildah)
ARG RUNTIME=localhost/edge-inference:dev
FROM ${RUNTIME} AS bundle
USER 0:0
COPY . /bundle
# Takes the files that model.toml names and no others; refuses a bundle whose hash is wrong.
RUN ["/usr/bin/python3.11", "-m", "pack_bundle", "/bundle", "/packed/model"]

FROM ${RUNTIME}
COPY --from=bundle /packed /
ARG NAME=model
ARG VERSION=dev
# The revision is emptied: the one inherited is that of the runtime's sources, not of the bundle's.
LABEL org.opencontainers.image.title="edge-model-${NAME}" \
      org.opencontainers.image.description="edge-inference with one model" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision=""
