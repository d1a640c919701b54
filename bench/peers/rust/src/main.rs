//! The workers of the peers that are written in Rust. What a worker does, and the lines that it speaks,
//! are described at the head of worker.go; this program speaks the very same ones.

mod blackboard;
mod mmapsync;
mod node;
mod pubsub;
mod store;
mod worker;

use std::env;
use std::fs;
use std::process::ExitCode;

use store::{Outcome, Publisher, Reader};
use worker::{Publishing, Reading, Role};

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    match work(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn work(words: &[String]) -> Outcome<()> {
    let [role, store, dir, sizes] = words else {
        return Err(format!(
            "a worker is told its role, store, directory and sizes, not {words:?}"
        ));
    };
    let outcome = serve(role, store, dir, one_size(sizes)?);
    if store.starts_with("iceoryx2") {
        return outcome.and(node::sweep(dir));
    }
    outcome
}

/// serve does what the input says; at its end the store is closed.
fn serve(role: &str, store: &str, dir: &str, size: usize) -> Outcome<()> {
    worker::obey(match role {
        "publish" => Role::Publish(Publishing::new(create(store, dir, size)?)),
        "read" => Role::Read(Reading::new(open(store, dir, size)?)),
        other => return Err(format!("no role {other:?}: publish or read")),
    })
}

/// one_size reads the size of the one slot: these peers hold one value in a store.
fn one_size(word: &str) -> Outcome<usize> {
    let text = match word.strip_prefix('@') {
        Some(path) => fs::read_to_string(path).map_err(|e| format!("{path}: {e}"))?,
        None => word.to_string(),
    };
    match text.trim().parse() {
        Ok(size) if size >= 16 => Ok(size),
        _ => Err(format!(
            "one size of 16 bytes or more, not {word:?}: a store holds one value here"
        )),
    }
}

/// create makes the store of that name in dir, with a first value.
fn create(store: &str, dir: &str, size: usize) -> Outcome<Box<dyn Publisher>> {
    match store {
        "mmap-sync" => mmapsync::create::<{ mmapsync::DEFAULT_SLEEP }>(dir, size),
        "mmap-sync-tuned" => mmapsync::create::<{ mmapsync::SHORT_SLEEP }>(dir, size),
        "iceoryx2" => blackboard::create(dir, size, false),
        "iceoryx2-event" => blackboard::create(dir, size, true),
        "iceoryx2-pubsub" => pubsub::create(dir, size),
        _ => Err(no_store(store)),
    }
}

/// open opens it in another process.
fn open(store: &str, dir: &str, size: usize) -> Outcome<Box<dyn Reader>> {
    match store {
        "mmap-sync" => mmapsync::open::<{ mmapsync::DEFAULT_SLEEP }>(dir, size),
        "mmap-sync-tuned" => mmapsync::open::<{ mmapsync::SHORT_SLEEP }>(dir, size),
        "iceoryx2" => blackboard::open(dir, size, false),
        "iceoryx2-event" => blackboard::open(dir, size, true),
        "iceoryx2-pubsub" => pubsub::open(dir, size),
        _ => Err(no_store(store)),
    }
}

fn no_store(name: &str) -> String {
    format!("no store {name:?}: mmap-sync, mmap-sync-tuned, iceoryx2, iceoryx2-event or iceoryx2-pubsub")
}
