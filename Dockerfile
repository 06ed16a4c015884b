# Both bases can be replaced: by a mirror's copies or, in tests/image.sh, by ones made on the machine.
ARG RUST_IMAGE=rust:1.95-bookworm
ARG RUNTIME_IMAGE=debian:bookworm-slim

FROM ${RUNTIME_IMAGE} AS runtime

FROM ${RUST_IMAGE} AS build
WORKDIR /build

# The dependencies, compiled for empty sources: this layer lasts until the manifest or the lock file changes.
# Declared tests, benches and examples leave the manifest because cargo insists on their files, which are not here.
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
RUN awk '/^\[/ { skip = /^\[\[(test|bench|example)\]\]/ } !skip' Cargo.toml > Cargo.kept \
 && mv Cargo.kept Cargo.toml \
 && mkdir src && touch src/lib.rs && echo 'fn main() {}' > src/main.rs \
 && cargo build --release --locked --bin roster

# What the runtime stage takes besides the binary is put together here, so that it needs neither apt-get nor a shell.
COPY --from=runtime /etc/passwd /etc/group /out/etc/
RUN echo 'roster:x:10001:10001::/var/lib/roster:/usr/sbin/nologin' >> /out/etc/passwd \
 && echo 'roster:x:10001:' >> /out/etc/group \
 && install -D -m 0644 /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ca-certificates.crt \
 && mkdir /out/data

# COPY keeps the files' times, which may be older than the empty sources: cargo would see nothing to do.
COPY migrations migrations
COPY src src
RUN touch src/lib.rs src/main.rs \
 && cargo build --release --locked --bin roster

FROM runtime
COPY --from=build /out/etc/ /etc/
# A new volume takes over this directory's owner.
COPY --from=build --chown=10001:10001 /out/data/ /var/lib/roster/
COPY --from=build /build/target/release/roster /usr/local/bin/roster

# The OpenSSL inside the binary looks under /usr/local/ssl unless told (sslrootcert=system of PostgreSQL).
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

# By number, because Kubernetes' runAsNonRoot cannot judge a name.
USER 10001:10001
# Files named on the command line (backup, export) land where they can be written.
WORKDIR /var/lib/roster
VOLUME /var/lib/roster
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["roster", "health"]
ENTRYPOINT ["roster"]
CMD ["serve"]
