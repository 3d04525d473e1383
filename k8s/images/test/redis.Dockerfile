# Redis for clusters of tests. Users take the public image; both are started as `redis-server`.
ARG DEBIAN=debian:12-slim
FROM ${DEBIAN}
# Debian serves one version per release.
# hadolint ignore=DL3008
RUN apt-get update \
  && apt-get install -y --no-install-recommends redis-server \
  && rm -rf /var/lib/apt/lists/* /var/log/* /var/cache/ldconfig
WORKDIR /data
USER 65532:65532
EXPOSE 6379
ENTRYPOINT ["redis-server"]
