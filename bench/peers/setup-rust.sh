#!/bin/sh
# Builds the workers of the peers in Rust, mmap-sync and iceoryx2, into build/rust-peers.
set -eu
cd "$(dirname "$0")"
if ! command -v cargo >/dev/null; then
	echo "rust peers: skipped: no cargo; install Rust 1.89 or newer from https://rustup.rs" >&2
	exit 0
fi
mkdir -p build
cargo build --release --locked --quiet --manifest-path rust/Cargo.toml --target-dir build/rust
cp build/rust/release/rust-peers build/rust-peers
echo "rust peers: build/rust-peers"
