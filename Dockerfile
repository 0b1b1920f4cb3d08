# The service in a container: `docker build -t tessera .`, then
#   docker run -p 127.0.0.1:8080:8080 -v ./model:/model:ro -v state:/state tessera serve --without-tokens
# It serves the bundle at /model, keeps histories and items in /state, and stops on SIGTERM when requests under way
# are answered. Every option of `serve` may be given as a variable, TESSERA_TOKEN_FILE for --token-file. Other commands
# follow the image's name: `docker run -v .:/work -w /work tessera train --data dataset …`.
FROM debian:bookworm-slim AS build
COPY setup packages.txt /source/
RUN cd /source && ./setup --packaging
COPY . /source
RUN cd /source && scripts/deb

FROM debian:bookworm-slim AS installed
COPY --from=build /source/build-deb/tessera_*.deb /tmp/
COPY packaging/container-root /usr/bin/
RUN apt-get update && \
    apt-get install -y -q --no-install-recommends ca-certificates /tmp/tessera_*.deb && \
    container-root /image

FROM scratch
COPY --from=installed /image /
ENV PATH=/usr/bin:/bin TESSERA_MODEL=/model TESSERA_STATE=/state TESSERA_LISTEN=0.0.0.0:8080 \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 10001:10001
VOLUME /state
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --start-period=60s --interval=10s --timeout=5s CMD ["tessera", "serve", "--probe"]
ENTRYPOINT ["tessera"]
CMD ["serve"]
