//! iceoryx2's blackboard: values of types that are fixed when it is made, in shared memory, each in two
//! cells and with one writer. With its event a reader can sleep until the writer notifies.

use std::ptr;

use iceoryx2::port::listener::Listener;
use iceoryx2::port::notifier::Notifier;
use iceoryx2::port::reader::EntryHandle;
use iceoryx2::port::writer::{EntryHandleMut, Writer};
use iceoryx2::prelude::*;

use crate::node::{node, service, Ipc};
use crate::store::{failed, numbers_of, Numbers, Outcome, Publisher, Reader};

const KEY: u64 = 0;

/// with_size calls a function that has the size as its constant parameter: types are fixed when they are
/// compiled.
macro_rules! with_size {
    ($size:expr, $function:ident, $($argument:expr),*) => {
        match $size {
            64 => $function::<64>($($argument),*),
            850 => $function::<850>($($argument),*),
            4_096 => $function::<4_096>($($argument),*),
            16_384 => $function::<16_384>($($argument),*),
            65_536 => $function::<65_536>($($argument),*),
            1_048_576 => $function::<1_048_576>($($argument),*),
            other => Err(format!("not compiled for values of {other} bytes: add the size to with_size")),
        }
    };
}

pub fn create(dir: &str, size: usize, event: bool) -> Outcome<Box<dyn Publisher>> {
    with_size!(size, create_sized, dir, event)
}

pub fn open(dir: &str, size: usize, event: bool) -> Outcome<Box<dyn Reader>> {
    with_size!(size, open_sized, dir, event)
}

/// Fields are dropped in their order: what lives in the node before it.
struct Writing<const SIZE: usize> {
    entry: Option<EntryHandleMut<Ipc, u64, [u8; SIZE]>>, // none only inside publish
    notifier: Option<Notifier<Ipc>>,
    _writer: Writer<Ipc, u64>,
    _node: Node<Ipc>,
    value: Box<[u8; SIZE]>,
}

fn create_sized<const SIZE: usize>(dir: &str, event: bool) -> Outcome<Box<dyn Publisher>> {
    let node = node(dir)?;
    let blackboard = node
        .service_builder(&service()?)
        .blackboard_creator::<u64>()
        .add::<[u8; SIZE]>(KEY, [0; SIZE])
        .create()
        .map_err(failed("create a blackboard"))?;
    let writer = blackboard
        .writer_builder()
        .create()
        .map_err(failed("create a writer"))?;
    let entry = writer
        .entry::<[u8; SIZE]>(&KEY)
        .map_err(failed("find the entry"))?;
    let notifier = if event {
        let event = node
            .service_builder(&service()?)
            .event()
            .create()
            .map_err(failed("create an event"))?;
        Some(
            event
                .notifier_builder()
                .create()
                .map_err(failed("create a notifier"))?,
        )
    } else {
        None
    };
    Ok(Box::new(Writing {
        entry: Some(entry),
        notifier,
        _writer: writer,
        _node: node,
        value: Box::new([0; SIZE]),
    }))
}

impl<const SIZE: usize> Publisher for Writing<SIZE> {
    fn value(&mut self) -> &mut [u8] {
        &mut self.value[..]
    }

    /// publish writes into a cell on loan: update_with_copy would copy twice.
    fn publish(&mut self) -> Outcome<()> {
        let entry = self.entry.take().ok_or("the blackboard's entry is lost")?;
        let mut loan = entry.loan_uninit();
        // The cell is an array of the same type, all of which is written before it is published.
        self.entry = Some(unsafe {
            ptr::copy_nonoverlapping(
                self.value.as_ptr(),
                loan.value_mut().as_mut_ptr().cast(),
                SIZE,
            );
            loan.assume_init_and_update()
        });
        if let Some(notifier) = &self.notifier {
            notifier.notify().map_err(failed("notify"))?;
        }
        Ok(())
    }
}

struct Copying<const SIZE: usize> {
    entry: EntryHandle<Ipc, u64, [u8; SIZE]>,
    listener: Option<Listener<Ipc>>,
    _reader: iceoryx2::port::reader::Reader<Ipc, u64>,
    _node: Node<Ipc>,
}

fn open_sized<const SIZE: usize>(dir: &str, event: bool) -> Outcome<Box<dyn Reader>> {
    let node = node(dir)?;
    let blackboard = node
        .service_builder(&service()?)
        .blackboard_opener::<u64>()
        .open()
        .map_err(failed("open the blackboard"))?;
    let reader = blackboard
        .reader_builder()
        .create()
        .map_err(failed("create a reader"))?;
    let entry = reader
        .entry::<[u8; SIZE]>(&KEY)
        .map_err(failed("find the entry"))?;
    let listener = if event {
        let event = node
            .service_builder(&service()?)
            .event()
            .open()
            .map_err(failed("open the event"))?;
        Some(event.listener_builder().create().map_err(failed(
            "create a listener, which needs a directory with a name below 48 bytes",
        ))?)
    } else {
        None
    };
    Ok(Box::new(Copying {
        entry,
        listener,
        _reader: reader,
        _node: node,
    }))
}

impl<const SIZE: usize> Reader for Copying<SIZE> {
    /// read needs no buffer: what the blackboard gives is a copy already.
    fn read(&mut self) -> Outcome<Numbers> {
        let copy = self.entry.get();
        Ok(numbers_of(&copy[..]))
    }

    fn wait(&mut self) -> Outcome<()> {
        let listener = self
            .listener
            .as_ref()
            .ok_or("this reader cannot sleep: the store iceoryx2-event can")?;
        while listener.blocking_wait(|_| ()).map_err(failed("wait"))? == 0 {}
        Ok(())
    }
}
