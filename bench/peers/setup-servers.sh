#!/bin/sh
# Gets the servers of the peers redis and nats: redis-server from the system's packages, nats-server from
# the Go module that go.mod names.
set -u
cd "$(dirname "$0")" || exit 1
mkdir -p build || exit 1
missing=0

if ! command -v redis-server >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server
fi
if ! command -v redis-server >/dev/null; then
	echo "redis: there is no redis-server; on Debian, as root: apt-get install redis-server" >&2
	missing=1
fi

if ! command -v go >/dev/null; then
	echo "nats: there is no go: install Go" >&2
	missing=1
elif ! go build -o build/nats-server github.com/nats-io/nats-server/v2; then
	echo "nats: nats-server cannot be built; see the message above" >&2
	missing=1
else
	echo "nats: built build/nats-server"
fi
exit $missing
