# Both base images can be replaced, with copies from a mirror or, in tests/image.sh, with locally built ones.
ARG RUST_IMAGE=rust:1.95-bookworm
ARG RUNTIME_IMAGE=debian:bookworm-slim

FROM ${RUNTIME_IMAGE} AS runtime

FROM ${RUST_IMAGE} AS build
WORKDIR /build

# Compiles the dependencies with empty sources. This layer is reused until the manifest or the lock file changes.
# Declared tests, benches and examples are removed from the manifest, because cargo requires their files.
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
RUN awk '/^\[/ { skip = /^\[\[(test|bench|example)\]\]/ } !skip' Cargo.toml > Cargo.kept \
 && mv Cargo.kept Cargo.toml \
 && mkdir src && touch src/lib.rs && echo 'fn main() {}' > src/main.rs \
 && cargo build --release --locked --bin roster

# Prepares the other files of the runtime stage, which then needs neither apt-get nor a shell.
COPY --from=runtime /etc/passwd /etc/group /out/etc/
RUN echo 'roster:x:10001:10001::/var/lib/roster:/usr/sbin/nologin' >> /out/etc/passwd \
 && echo 'roster:x:10001:' >> /out/etc/group \
 && install -D -m 0644 /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ca-certificates.crt \
 && mkdir /out/data

# COPY keeps modification times, which may be older than the empty sources. Without touch, cargo would not rebuild.
COPY migrations migrations
COPY src src
RUN touch src/lib.rs src/main.rs \
 && cargo build --release --locked --bin roster

FROM runtime
COPY --from=build /out/etc/ /etc/
# A new volume inherits this directory's owner.
COPY --from=build --chown=10001:10001 /out/data/ /var/lib/roster/
COPY --from=build /build/target/release/roster /usr/local/bin/roster

# The embedded OpenSSL looks in /usr/local/ssl by default (for sslrootcert=system in a PostgreSQL URL).
ENV DATABASE_URL=sqlite:///var/lib/roster/roster.db \
    ROSTER_LISTEN=0.0.0.0:3000 \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt

ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Roster" \
      org.opencontainers.image.description="The user directory that a company's backend services share" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# A number, because Kubernetes' runAsNonRoot cannot check a name.
USER 10001:10001
# A writable directory for files named on the command line (backup, export).
WORKDIR /var/lib/roster
VOLUME /var/lib/roster
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["roster", "health"]
ENTRYPOINT ["roster"]
CMD ["serve"]
