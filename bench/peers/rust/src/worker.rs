//! The worker: it does what the lines of its input say, in the ways that worker.go describes.

use std::fs;
use std::io::{self, BufRead, Write};
use std::mem::MaybeUninit;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::store::{failed, stamp, Outcome, Publisher, Reader};

/// How often a publisher that needs it tends its store between two runs.
const TENDING: Duration = Duration::from_millis(20);

/// A call with a look at the clock takes longer than this.
const FASTEST: Duration = Duration::from_nanos(20);

pub enum Role {
    Publish(Publishing),
    Read(Reading),
}

/// Tally is what a worker did in one run.
#[derive(Default)]
struct Tally {
    calls: i64,
    distinct: i64,
    torn: i64,
    back: i64,
    took: Vec<i64>, // of each call, or the age of each value, in nanoseconds
}

impl Tally {
    /// make_room has room for the times of all calls of a run, and touches it: growing it later, and its page
    /// faults, would be in the times.
    fn make_room(&mut self, length: Duration) {
        self.took
            .resize((length.as_nanos() / FASTEST.as_nanos()) as usize + 1, 1);
        self.took.clear();
    }
}

/// obey says that it is ready, and does what the lines of the input say until it ends.
pub fn obey(mut role: Role) -> Outcome<()> {
    println!("ready");
    let orders = orders();
    while let Some(line) = next_order(&orders, &mut role)? {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ["run", millis, how, rest @ ..] = words.as_slice() else {
            return Err(format!("{line:?} is no order"));
        };
        let millis = millis.parse().map_err(failed("how many milliseconds"))?;
        let result = run(&mut role, Duration::from_millis(millis), how, rest)?;
        println!("{result}");
        io::stdout().flush().map_err(failed("answer"))?;
    }
    Ok(())
}

/// orders has the lines of the input, from a thread of its own.
fn orders() -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

/// next_order waits for a line, and tends the store meanwhile if that is necessary.
fn next_order(orders: &Receiver<String>, role: &mut Role) -> Outcome<Option<String>> {
    if let Role::Publish(publishing) = role {
        while publishing.publisher.tend()? {
            match orders.recv_timeout(TENDING) {
                Ok(line) => return Ok(Some(line)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
    Ok(orders.recv().ok())
}

/// run works for so long, and gives the line that says what it did.
fn run(role: &mut Role, length: Duration, how: &str, rest: &[&str]) -> Outcome<String> {
    let mut tally = Tally::default();
    if how == "tails" {
        tally.make_room(length);
    }
    let (processor, start) = (processor_time(), Instant::now());
    match (how, rest) {
        ("mean" | "one" | "random", []) => untimed(role, &mut tally, start, length)?,
        ("tails", []) => timed(role, &mut tally, start, length)?,
        ("every", [nanos]) => {
            let every = Duration::from_nanos(
                nanos
                    .parse()
                    .map_err(failed("every how many nanoseconds"))?,
            );
            paced(role, &mut tally, start, length, every)?;
        }
        ("poll", []) => role.ages(&mut tally, start, length, None)?,
        ("watch", []) => role.ages(&mut tally, start, length, Some(Duration::ZERO))?,
        ("watch", [nanos]) => {
            let pause = Duration::from_nanos(
                nanos
                    .parse()
                    .map_err(failed("watch with how many nanoseconds between"))?,
            );
            role.ages(&mut tally, start, length, Some(pause))?;
        }
        _ => return Err(format!("how is {how:?} {rest:?}?")),
    }
    let (nanos, processor) = (start.elapsed().as_nanos(), processor_time() - processor);
    tally.took.sort_unstable();
    let quantile = |thousandths: usize| {
        let count = tally.took.len();
        tally
            .took
            .get((count * thousandths / 1000).min(count.saturating_sub(1)))
            .copied()
            .unwrap_or(0)
    };
    Ok(format!(
        concat!(
            r#"{{"calls":{},"nanos":{},"cpu":{},"distinct":{},"torn":{},"back":{},"#,
            r#""p50":{},"p99":{},"p999":{},"worst":{},"memory":{}}}"#
        ),
        tally.calls,
        nanos,
        processor,
        tally.distinct,
        tally.torn,
        tally.back,
        quantile(500),
        quantile(990),
        quantile(999),
        quantile(1000),
        own_memory()
    ))
}

impl Role {
    #[inline]
    fn call(&mut self, tally: &mut Tally) -> Outcome<()> {
        match self {
            Role::Publish(publishing) => publishing.call(),
            Role::Read(reading) => reading.call(tally),
        }
    }

    fn ages(
        &mut self,
        tally: &mut Tally,
        start: Instant,
        length: Duration,
        sleep: Option<Duration>,
    ) -> Outcome<()> {
        match self {
            Role::Publish(_) => Err("only readers can watch or poll".to_string()),
            Role::Read(reading) => reading.ages(tally, start, length, sleep),
        }
    }
}

/// untimed looks at the clock about once in 20 microseconds.
fn untimed(role: &mut Role, tally: &mut Tally, start: Instant, length: Duration) -> Outcome<()> {
    let (mut batch, mut last) = (1, start);
    loop {
        for _ in 0..batch {
            role.call(tally)?;
        }
        tally.calls += batch;
        let now = Instant::now();
        if now - start >= length {
            return Ok(());
        }
        if now - last < Duration::from_micros(20) && batch < 1000 {
            batch += 1;
        } else if batch > 1 {
            batch -= 1;
        }
        last = now;
    }
}

fn timed(role: &mut Role, tally: &mut Tally, start: Instant, length: Duration) -> Outcome<()> {
    let mut before = Instant::now();
    loop {
        role.call(tally)?;
        let now = Instant::now();
        tally.calls += 1;
        tally.took.push((now - before).as_nanos() as i64);
        if now - start >= length {
            return Ok(());
        }
        before = now;
    }
}

/// paced calls each so often; a call that was late is not made up for.
fn paced(
    role: &mut Role,
    tally: &mut Tally,
    start: Instant,
    length: Duration,
    every: Duration,
) -> Outcome<()> {
    if let Role::Publish(publishing) = role {
        publishing.by_clock = true;
    }
    let mut due = start;
    while due - start < length {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let before = Instant::now();
        role.call(tally)?;
        tally.calls += 1;
        tally.took.push(before.elapsed().as_nanos() as i64);
        due = (due + every).max(Instant::now());
    }
    thread::sleep(length.saturating_sub(start.elapsed()));
    if let Role::Publish(publishing) = role {
        publishing.by_clock = false;
    }
    Ok(())
}

pub struct Publishing {
    publisher: Box<dyn Publisher>,
    number: u64,
    by_clock: bool,
}

impl Publishing {
    pub fn new(publisher: Box<dyn Publisher>) -> Self {
        Publishing {
            publisher,
            number: monotonic(),
            by_clock: false,
        }
    }

    #[inline]
    fn call(&mut self) -> Outcome<()> {
        self.number += 1;
        if self.by_clock {
            self.number = self.number.max(monotonic());
        }
        stamp(self.publisher.value(), self.number);
        self.publisher.publish()
    }
}

/// Reading reads, and looks whether values are whole and go forward.
pub struct Reading {
    reader: Box<dyn Reader>,
    newest: u64,
}

impl Reading {
    pub fn new(reader: Box<dyn Reader>) -> Self {
        Reading { reader, newest: 0 }
    }

    #[inline]
    fn call(&mut self, tally: &mut Tally) -> Outcome<()> {
        let numbers = self.reader.read()?;
        if numbers.first != numbers.last {
            tally.torn += 1;
        } else if numbers.first > self.newest {
            tally.distinct += 1;
            self.newest = numbers.first;
        } else if numbers.first < self.newest {
            tally.back += 1;
        }
        Ok(())
    }

    /// ages notes how old each new value is when this process has it. It looks without sleeping, or sleeps
    /// until there is news, and for so long after each.
    fn ages(
        &mut self,
        tally: &mut Tally,
        start: Instant,
        length: Duration,
        sleep: Option<Duration>,
    ) -> Outcome<()> {
        self.call(&mut Tally::default())?; // of before
        while start.elapsed() < length {
            if sleep.is_some() {
                self.reader.wait()?;
            }
            let seen = tally.distinct;
            self.call(tally)?;
            tally.calls += 1;
            if tally.distinct > seen {
                tally.took.push(monotonic() as i64 - self.newest as i64);
            }
            if let Some(pause) = sleep {
                thread::sleep(pause);
            }
        }
        Ok(())
    }
}

/// monotonic is the monotonic clock in nanoseconds, the same in all processes of the machine.
fn monotonic() -> u64 {
    clock(libc::CLOCK_MONOTONIC)
}

/// processor_time is what all threads of this process have used so far, in nanoseconds.
fn processor_time() -> u64 {
    clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

fn clock(id: libc::clockid_t) -> u64 {
    let mut time = MaybeUninit::<libc::timespec>::zeroed();
    // It cannot fail for the clocks that every system has; zero is a valid time if it does.
    let time = unsafe {
        libc::clock_gettime(id, time.as_mut_ptr());
        time.assume_init()
    };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// own_memory is RssAnon: what this process has beside the files that it maps.
fn own_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))
        .unwrap_or_default();
    line.trim_end_matches("kB").trim().parse().unwrap_or(0u64) << 10
}
