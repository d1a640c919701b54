//! A worker's node of iceoryx2, and what it leaves behind. Files are in the worker's directory. Shared
//! memory is where the system has it, under a prefix of the directory's own.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};

use iceoryx2::prelude::*;

use crate::store::{failed, Outcome};

pub type Ipc = ipc::Service;

/// node removes what workers of the same directory that were killed left behind.
pub fn node(dir: &str) -> Outcome<Node<Ipc>> {
    set_log_level(LogLevel::Error);
    NodeBuilder::new()
        .config(&config(dir)?)
        .signal_handling_mode(SignalHandlingMode::Disabled)
        .create()
        .map_err(failed("create an iceoryx2 node"))
}

/// service is the name of the directory's only service.
pub fn service() -> Outcome<ServiceName> {
    "value".try_into().map_err(failed("name the service"))
}

/// sweep removes the shared memory that iceoryx2 keeps when the last node is gone. Nothing is done while
/// there is one.
pub fn sweep(dir: &str) -> Outcome<()> {
    let mut alive = false;
    Node::<Ipc>::list(&config(dir)?, |node| {
        alive |= !matches!(node, NodeState::Dead(_));
        CallbackProgression::Continue
    })
    .map_err(failed("list the nodes"))?;
    if alive {
        return Ok(());
    }
    let prefix = prefix(dir);
    for entry in fs::read_dir("/dev/shm")
        .map_err(failed("list the shared memory"))?
        .flatten()
    {
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            let _ = fs::remove_file(entry.path()); // another worker that ends may have been faster
        }
    }
    Ok(())
}

fn config(dir: &str) -> Outcome<Config> {
    let mut config = Config::default();
    config
        .global
        .set_root_path(&Path::new(dir.as_bytes()).map_err(failed("the directory's name"))?);
    config.global.prefix = FileName::new(prefix(dir).as_bytes()).map_err(failed("the prefix"))?;
    Ok(config)
}

fn prefix(dir: &str) -> String {
    let mut hasher = DefaultHasher::new();
    dir.hash(&mut hasher);
    format!("iox2_{:08x}_", hasher.finish() as u32)
}
