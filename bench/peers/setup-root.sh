#!/bin/sh
# Builds build/root-peers, the worker for ROOT's TMapFile. ROOT comes as the wheel "root" of PyPI, into a
# virtual environment of its own: about 700 MB.
set -u
cd "$(dirname "$0")" || exit 1

skip() {
	echo "root: skipped: $1" >&2
	exit 0
}

command -v g++ >/dev/null || skip "there is no g++: install a C++ compiler"
command -v python3 >/dev/null || skip "there is no python3: install Python 3 with venv"
mkdir -p build || exit 1
venv=build/root-venv
root=$(echo $venv/lib/python3*/site-packages/ROOT)
if [ ! -f "$root/include/TMapFile.h" ]; then
	python3 -m venv $venv || skip "python3 has no venv: install python3-venv"
	$venv/bin/python -m pip install --quiet --disable-pip-version-check 'root==0.1a12' ||
		skip "pip cannot install the wheel 'root'; see its message above"
	root=$(echo $venv/lib/python3*/site-packages/ROOT)
	[ -f "$root/include/TMapFile.h" ] || skip "the wheel 'root' has no TMapFile.h"
fi

# TMapFile needs the operator new of libNew. Without contraction, sums are the same bits as in Go.
g++ -O2 -std=c++17 -Wall -ffp-contract=off -o build/root-peers root/worker.cpp -I"$root/include" \
	-L"$root/lib" -Wl,--no-as-needed -lNew -lCore -lRIO -lHist -lMathCore -lThread \
	-Wl,-rpath,"\$ORIGIN/${root#build/}/lib" || skip "the worker cannot be compiled; see the message above"
echo "root: built build/root-peers"
