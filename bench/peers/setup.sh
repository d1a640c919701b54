#!/bin/sh
# Gets and builds what the peers need, into build/: see the script of each family. What cannot be had is
# named, and is skipped by the program.
cd "$(dirname "$0")" || exit 1
for family in cpp rust java root servers; do
	./setup-$family.sh || echo "$family: not complete; see above" >&2
done
