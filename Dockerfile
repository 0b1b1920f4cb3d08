# The service in a container: `docker build -t tessera .`, then
#   docker run -p 8080:8080 -v ./model:/model:ro -v state:/state tessera
# It serves the bundle at /model, keeps histories and items in /state, and stops on SIGTERM when requests under way
# are answered. Other commands follow the image's name: `docker run -v .:/work -w /work tessera train --data dataset …`.
FROM debian:bookworm-slim AS build
COPY setup packages.txt /source/
RUN cd /source && ./setup --build && apt-get install -y -q --no-install-recommends python3 dpkg-dev
COPY . /source
RUN cd /source && scripts/deb

FROM debian:bookworm-slim
COPY --from=build /source/build-deb/tessera_*.deb /tmp/
RUN apt-get update && \
    apt-get install -y -q --no-install-recommends curl /tmp/tessera_*.deb && \
    rm -rf /var/lib/apt/lists/* /tmp/*.deb && \
    groupadd --system --gid 10001 tessera && \
    useradd --system --uid 10001 --gid tessera --home-dir /state tessera && \
    install -d -o tessera -g tessera /state
COPY packaging/container-entry /usr/bin/container-entry
USER 10001:10001
VOLUME /state
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --start-period=60s --interval=10s --timeout=3s CMD ["curl", "-fsS", "-o", "/dev/null", "http://127.0.0.1:8080/readyz"]
ENTRYPOINT ["container-entry"]
CMD ["serve", "--model", "/model", "--state", "/state", "--listen", "0.0.0.0:8080"]
