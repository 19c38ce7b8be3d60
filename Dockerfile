# syntax=docker/dockerfile:1
# One image per program: --build-arg SERVICE=intake, router, record-signer, aggregator, clickhouse-sink, or casetrail
# (the command). The image holds the binary, the certificate authorities and nothing else: no shell, no packages.
FROM golang:1.26.8-bookworm AS build
ARG SERVICE
WORKDIR /src
# The whole tree: go.work names every module and fails where one is missing. The caches make that cheap.
COPY . .
ENV CGO_ENABLED=0 GOTOOLCHAIN=local
RUN --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    set -eu; \
    case "${SERVICE:?say which: --build-arg SERVICE=router}" in \
        casetrail) package=./cli ;; \
        *) package=./services/$SERVICE ;; \
    esac; \
    mkdir -p /image/etc/ssl/certs; \
    # A volume over it takes over its mode, so that the program's user, whichever that is, may write there.
    mkdir -m 1777 /image/state; \
    go build -trimpath -buildvcs=false -ldflags='-s -w' -o /image/program "$package"; \
    cp /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/; \
    # The services are static. The command opens the embedded engine at run time, if asked to, and so needs libc.
    if ldd /image/program >/tmp/libraries 2>/dev/null; then \
        grep -o '/[^ ]*' /tmp/libraries | xargs -r -I{} cp -L --parents {} /image; \
    fi

FROM scratch
COPY --from=build /image /
USER 65532:65532
ENTRYPOINT ["/program"]
# Whether it is ready, asked of its own admin endpoint; there is no curl in here.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 CMD ["/program", "healthcheck"]
