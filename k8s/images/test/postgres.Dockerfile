# PostgreSQL for clusters of tests. Users take the public image, whose variables this one reads too.
ARG DEBIAN=debian:12-slim
FROM ${DEBIAN}
# Debian serves one version per release.
# hadolint ignore=DL3008
RUN apt-get update \
  && apt-get install -y --no-install-recommends postgresql-15 \
  && rm -rf /var/lib/apt/lists/* /var/log/* /var/cache/ldconfig /var/lib/postgresql \
    /usr/lib/x86_64-linux-gnu/libLLVM* /usr/lib/llvm-* /usr/lib/postgresql/15/lib/llvmjit.so /usr/lib/postgresql/15/lib/bitcode \
  && echo 'postgres:x:65532:65532::/var/lib/postgresql:/bin/sh' >> /etc/passwd
ENV PATH=/usr/lib/postgresql/15/bin:/usr/local/bin:/usr/bin:/bin PGDATA=/var/lib/postgresql/data
COPY postgres-entry.sh /usr/local/bin/docker-entrypoint.sh
USER 65532:65532
EXPOSE 5432
STOPSIGNAL SIGINT
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["postgres"]
