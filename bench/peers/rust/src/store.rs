//! What a peer is to the worker: one store with one value, as store.go has it.

use std::fmt::Debug;
use std::hint::black_box;

/// An error is what to tell whoever started the worker.
pub type Outcome<T> = Result<T, String>;

/// failed puts what was tried before an error of a peer.
pub fn failed<E: Debug>(what: &'static str) -> impl Fn(E) -> String {
    move |error| format!("{what}: {error:?}")
}

/// A Publisher publishes its private value.
pub trait Publisher {
    /// value is the private value, for the caller to change.
    fn value(&mut self) -> &mut [u8];

    /// publish copies it into the store.
    fn publish(&mut self) -> Outcome<()>;

    /// tend does what this peer has to do for new readers while it publishes nothing, and says whether
    /// there is ever such a thing.
    fn tend(&mut self) -> Outcome<bool> {
        Ok(false)
    }
}

/// A Reader reads values.
pub trait Reader {
    /// read copies the newest value to private memory.
    fn read(&mut self) -> Outcome<Numbers>;

    /// wait sleeps until something is published: since the last wait, if that was before.
    fn wait(&mut self) -> Outcome<()> {
        Err("this reader cannot sleep".to_string())
    }
}

/// Numbers are those at both ends of a value; two different ones: it is torn.
pub struct Numbers {
    pub first: u64,
    pub last: u64,
}

/// numbers_of looks at a private copy of a value, all of which is made before.
#[inline]
pub fn numbers_of(copy: &[u8]) -> Numbers {
    let copy = black_box(copy);
    Numbers {
        first: word(&copy[..8]),
        last: word(&copy[copy.len() - 8..]),
    }
}

fn word(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// stamp puts a number at both ends of a value.
pub fn stamp(value: &mut [u8], number: u64) {
    let (word, end) = (number.to_le_bytes(), value.len() - 8);
    value[..8].copy_from_slice(&word);
    value[end..].copy_from_slice(&word);
}
