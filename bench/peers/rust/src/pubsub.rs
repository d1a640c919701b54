//! iceoryx2's publish and subscribe: samples in shared memory, handed to each subscriber by its queue.
//! Here a queue holds the newest only, and a new subscriber is given that.

use std::thread;
use std::time::{Duration, Instant};

use iceoryx2::port::publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::port::update_connections::UpdateConnections;
use iceoryx2::prelude::*;
use iceoryx2::sample::Sample;
use iceoryx2::service::port_factory::publish_subscribe::PortFactory;

use crate::node::{node, service, Ipc};
use crate::store::{failed, numbers_of, Numbers, Outcome, Publisher, Reader};

/// A publisher has a new subscriber the history when it sends or looks for it, so a subscriber waits.
const PATIENCE: Duration = Duration::from_secs(10);

fn channel(node: &Node<Ipc>) -> Outcome<PortFactory<Ipc, [u8], ()>> {
    node.service_builder(&service()?)
        .publish_subscribe::<[u8]>()
        .history_size(1)
        .subscriber_max_buffer_size(1)
        .enable_safe_overflow(true)
        .open_or_create()
        .map_err(failed("open the service"))
}

/// Fields are dropped in their order: what lives in the node before it.
struct Sending {
    publisher: publisher::Publisher<Ipc, [u8], ()>,
    _node: Node<Ipc>,
    value: Vec<u8>,
}

pub fn create(dir: &str, size: usize) -> Outcome<Box<dyn Publisher>> {
    let node = node(dir)?;
    let publisher = channel(&node)?
        .publisher_builder()
        .initial_max_slice_len(size)
        .create()
        .map_err(failed("create a publisher"))?;
    let mut sending = Sending {
        publisher,
        _node: node,
        value: vec![0; size],
    };
    sending.publish()?;
    Ok(Box::new(sending))
}

impl Publisher for Sending {
    fn value(&mut self) -> &mut [u8] {
        &mut self.value
    }

    fn publish(&mut self) -> Outcome<()> {
        let sample = self
            .publisher
            .loan_slice_uninit(self.value.len())
            .map_err(failed("loan a sample"))?;
        sample
            .write_from_slice(&self.value)
            .send()
            .map_err(failed("send"))?;
        Ok(())
    }

    fn tend(&mut self) -> Outcome<bool> {
        self.publisher
            .update_connections()
            .map_err(failed("look for new subscribers"))?;
        Ok(true)
    }
}

struct Receiving {
    newest: Sample<Ipc, [u8], ()>,
    subscriber: Subscriber<Ipc, [u8], ()>,
    _node: Node<Ipc>,
    copy: Vec<u8>,
}

pub fn open(dir: &str, size: usize) -> Outcome<Box<dyn Reader>> {
    let node = node(dir)?;
    let subscriber = channel(&node)?
        .subscriber_builder()
        .create()
        .map_err(failed("create a subscriber"))?;
    let start = Instant::now();
    loop {
        if let Some(newest) = subscriber.receive().map_err(failed("receive"))? {
            return Ok(Box::new(Receiving {
                newest,
                subscriber,
                _node: node,
                copy: vec![0; size],
            }));
        }
        if start.elapsed() > PATIENCE {
            return Err("no publisher gave a first value: start it before its readers".to_string());
        }
        thread::sleep(Duration::from_millis(1));
    }
}

impl Reader for Receiving {
    fn read(&mut self) -> Outcome<Numbers> {
        if let Some(newer) = self.subscriber.receive().map_err(failed("receive"))? {
            self.newest = newer;
        }
        if self.newest.len() != self.copy.len() {
            return Err(format!(
                "a value of {} bytes, not {}",
                self.newest.len(),
                self.copy.len()
            ));
        }
        self.copy.copy_from_slice(&self.newest);
        Ok(numbers_of(&self.copy))
    }
}
