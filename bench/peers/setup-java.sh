#!/bin/sh
# Builds the worker of Chronicle Map into build/chronicle: its jars, and the options of its virtual machine.
set -eu
cd "$(dirname "$0")"
for program in java javac mvn; do
	if ! command -v $program >/dev/null; then
		echo "java peers: skipped: no $program; install a JDK 17 or newer, and Maven" >&2
		exit 0
	fi
done
rm -rf build/chronicle
mvn -q -B -f java/pom.xml package
cp build/java/chronicle-peers-1.jar java/jvm-options build/chronicle/
echo "java peers: build/chronicle"
