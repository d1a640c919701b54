//! mmap-sync: two copies of the value in mapped files, a count of readers of each, one writer. The writer
//! sleeps while a reader is in the copy that it needs.

use std::path::Path;
use std::time::Duration;

use mmap_sync::locks::LockDisabled;
use mmap_sync::synchronizer::Synchronizer;
use rkyv::AlignedVec;
use wyhash::WyHash;

use crate::store::{failed, numbers_of, Numbers, Outcome, Publisher, Reader};

/// How long the writer sleeps before it looks again whether the readers are gone, in nanoseconds: the
/// library's default, and one that costs the writer little.
pub const DEFAULT_SLEEP: u64 = 1_000_000_000;
pub const SHORT_SLEEP: u64 = 1_000;

/// After this time the writer takes a copy from its readers: it is their example's. It stays when the
/// sleep is short, because a reader that was away from its processor for longer has a torn value.
const GRACE: Duration = Duration::from_secs(1);

type Store<const SLEEP: u64> = Synchronizer<WyHash, LockDisabled, 1024, SLEEP>;

fn store<const SLEEP: u64>(dir: &str) -> Store<SLEEP> {
    Store::with_params(Path::new(dir).join("value").as_os_str())
}

/// Writing publishes by write_raw, their way for a value that is serialized already.
struct Writing<const SLEEP: u64> {
    store: Store<SLEEP>,
    archive: AlignedVec, // the value, and behind it where it is
    size: usize,
}

pub fn create<const SLEEP: u64>(dir: &str, size: usize) -> Outcome<Box<dyn Publisher>> {
    let archive = rkyv::to_bytes::<_, 1024>(&vec![0u8; size]).map_err(failed("serialize"))?;
    let vec = rkyv::check_archived_root::<Vec<u8>>(&archive).map_err(failed("serialize"))?;
    if vec.as_ptr() != archive.as_ptr() || vec.len() != size {
        return Err(
            "rkyv does not put the bytes of a vector first any more: find them".to_string(),
        );
    }
    let mut writing = Writing {
        store: store::<SLEEP>(dir),
        archive,
        size,
    };
    writing.publish()?;
    Ok(Box::new(writing))
}

impl<const SLEEP: u64> Publisher for Writing<SLEEP> {
    fn value(&mut self) -> &mut [u8] {
        &mut self.archive[..self.size]
    }

    fn publish(&mut self) -> Outcome<()> {
        self.store
            .write_raw::<Vec<u8>>(&self.archive, GRACE)
            .map_err(failed("write"))?;
        Ok(())
    }
}

struct Copying<const SLEEP: u64> {
    store: Store<SLEEP>,
    copy: Vec<u8>,
}

pub fn open<const SLEEP: u64>(dir: &str, size: usize) -> Outcome<Box<dyn Reader>> {
    let mut copying = Copying {
        store: store::<SLEEP>(dir),
        copy: vec![0; size],
    };
    copying.read()?;
    Ok(Box::new(copying))
}

impl<const SLEEP: u64> Reader for Copying<SLEEP> {
    fn read(&mut self) -> Outcome<Numbers> {
        // Without rkyv's validation of the bytes, as in their example. What this demands: the file has
        // what write_raw above put there, and the copy is made within the grace.
        let value = unsafe { self.store.read::<Vec<u8>>(false) }.map_err(failed("read"))?;
        if value.len() != self.copy.len() {
            return Err(format!(
                "a value of {} bytes, not {}",
                value.len(),
                self.copy.len()
            ));
        }
        self.copy.copy_from_slice(&value);
        drop(value); // only the copy is looked at: the reader holds up the writer no longer than it must
        Ok(numbers_of(&self.copy))
    }
}
