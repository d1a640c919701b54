#!/bin/sh
# Builds build/cpp-peers: the workers for Boost.Interprocess, LMDB and the stores by hand. It needs g++ and
# the headers of Boost and LMDB, which it installs where it may.
set -eu
cd "$(dirname "$0")"
packages="g++ libboost-dev liblmdb-dev"

complete() {
	printf '#include <boost/interprocess/managed_mapped_file.hpp>\n#include <lmdb.h>\n' |
		g++ -std=c++17 -fsyntax-only -x c++ - 2>/dev/null
}

if ! complete; then
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		apt-get update -qq
		# shellcheck disable=SC2086 # three words
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages
	fi
	if ! complete; then
		echo "cpp-peers: a compiler for C++17 and the headers of Boost and LMDB are needed; on Debian, as root:" >&2
		echo "    apt-get install $packages" >&2
		exit 1
	fi
fi

mkdir -p build
g++ -std=c++17 -O2 -Wall -Wextra cpp/*.cpp -o build/cpp-peers -llmdb -pthread
echo "cpp-peers: built"
