# The image: one program on a base without a shell, as user 65532. docs/image.md says how it is run;
# tests/image/build builds and tries it without a registry of images.
#
# Neither stage needs BuildKit, so that docker, podman and buildah build the same thing.

ARG BUILD_IMAGE=docker.io/library/rust:1.95-bookworm
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian12:nonroot

FROM ${BUILD_IMAGE} AS build
WORKDIR /build

# All that we depend on, behind stand-ins for our own sources: this layer is made anew only when one of the two files
# changes. Tests and benches are named in Cargo.toml, so cargo wants to see them too.
COPY Cargo.toml Cargo.lock ./
RUN mkdir -p src tests/it benches \
    && for stand_in in src/main.rs tests/it/main.rs benches/envelope.rs benches/route.rs; do \
        echo 'fn main() {}' >"$stand_in"; \
    done \
    && touch src/lib.rs \
    && cargo build --release --locked \
    && rm -r src

# Sources keep the times of the checkout, which are older than the stand-ins: without the touch cargo takes those for newer.
COPY src src
RUN touch src/main.rs src/lib.rs \
    && cargo build --release --locked --bin sfmc-auth-proxy \
    && mkdir -p /out/lib \
    && mkdir -m 0700 /out/lib/sfmc-auth-proxy \
    && cp target/release/sfmc-auth-proxy /out/

FROM ${RUNTIME_IMAGE}

ARG VERSION=0.1.0
ARG REVISION=
ARG CREATED=
ARG SOURCE=
LABEL org.opencontainers.image.title="sfmc-auth-proxy" \
      org.opencontainers.image.description="Authenticating reverse proxy and sidecar for Salesforce Marketing Cloud" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}"

COPY --from=build /out/sfmc-auth-proxy /usr/local/bin/sfmc-auth-proxy
# For logins ([state] dir), if they are to be kept: a named volume that is mounted here takes over owner and mode.
COPY --from=build --chown=65532:65532 /out/lib/ /var/lib/
COPY LICENSE /usr/share/doc/sfmc-auth-proxy/LICENSE

# By number, so that runAsNonRoot can be judged without reading /etc/passwd.
USER 65532:65532
WORKDIR /

# From outside the container only health and metrics are answered here, unless admin.token is set and shown. Calls are taken
# on 127.0.0.1:7362 as ever: right for a sidecar; where callers are elsewhere, SFMC_AUTH_PROXY_LISTEN_HTTP says so.
ENV SFMC_AUTH_PROXY_ADMIN_LISTEN=0.0.0.0:7363
EXPOSE 7362 7363

HEALTHCHECK --interval=10s --timeout=4s --start-period=30s --retries=3 \
    CMD ["/usr/local/bin/sfmc-auth-proxy", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/sfmc-auth-proxy"]
CMD ["run"]
