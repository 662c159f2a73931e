//! The load program: Porchlight against two bare receivers, side by side in one run.
//!
//! `cargo run --release -p porchlight-bench -- [--seconds N] [--rounds N] [--porchlight PATH] [--place DIR]`
//!
//! `… lamp [--events N] [--servers DIR]` measures the way to a lamp instead: see [`lamp`].
//!
//! Absolute figures depend on the machine and on who else uses it; the ratios, taken round by
//! round, are what counts. Everything stays on loopback. Without a `porchlight` binary beside this
//! program, or at PATH, only the bare receivers are measured.

#![allow(clippy::print_stdout, clippy::print_stderr)] // a program for people at a terminal

mod bare;
mod bodies;
mod lamp;
mod load;
mod receiver;
mod reload;
mod report;

use receiver::{Kind, Receiver, pause};
use report::{Rounds, millis, table};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Body sizes in bytes, and connections at a time.
const LOADS: [(usize, usize); 4] = [(1200, 64), (10_000, 64), (1200, 1), (10_000, 1)];
/// Prepared requests of one burst take at most this many bytes.
const PREPARED: usize = 256 << 20;
/// Starts measured per receiver.
const STARTS: usize = 10;
/// Events sent one at a time when the bytes written per event are measured.
const SINGLE_EVENTS: usize = 100;

struct Arguments {
    seconds: f64,
    rounds: usize,
    porchlight: PathBuf,
    place: PathBuf,
    servers: PathBuf,
    events: usize,
}

/// All that was measured of one receiver under one load.
#[derive(Default)]
struct Measured {
    rate: Rounds,
    median: Rounds,
    slowest: Rounds,
    caught_up: Rounds,
    scripted: Rounds,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if_eq("bare").is_some() {
        let port = arguments.next().ok_or("bare needs a port")?.parse()?;
        let folder = arguments.next().map(PathBuf::from);
        return bare::serve(port, folder.as_deref());
    }
    let lamp = arguments.next_if_eq("lamp").is_some();
    let arguments = parse(arguments)?;
    if lamp {
        let Arguments {
            porchlight,
            place,
            servers,
            events,
            ..
        } = &arguments;
        return lamp::measure(porchlight, place, servers, *events);
    }
    let mut kinds = vec![Kind::Bare, Kind::Storing];
    if arguments.porchlight.is_file() {
        kinds.push(Kind::Porchlight);
    } else {
        let path = arguments.porchlight.display();
        eprintln!("no {path}: only the bare receivers are measured");
    }
    starts(&kinds, &arguments)?;
    loads(&kinds, &arguments)?;
    single_events(&kinds, &arguments)?;
    if kinds.contains(&Kind::Porchlight) {
        reload::measure(&arguments.porchlight, &arguments.place)?;
    }
    Ok(())
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, Box<dyn Error>> {
    let program = std::env::current_exe()?;
    let beside = program.parent().unwrap_or(Path::new("."));
    let mut arguments = Arguments {
        seconds: 2.0,
        rounds: 3,
        porchlight: beside.join("porchlight"),
        place: beside.to_owned(),
        servers: Path::new("target/servers").to_owned(),
        events: 500,
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "--seconds" => arguments.seconds = value()?.parse()?,
            "--rounds" => arguments.rounds = value()?.parse()?,
            "--porchlight" => arguments.porchlight = value()?.into(),
            "--servers" => arguments.servers = value()?.into(),
            "--events" => arguments.events = value()?.parse()?,
            "--place" => arguments.place = value()?.into(),
            _ => return Err(format!("unknown argument {word}").into()),
        }
    }
    Ok(arguments)
}

/// From the start of the process to its first answer of 200.
fn starts(kinds: &[Kind], arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let mut rows = vec![row(&[
        "start to first 200",
        "min ms",
        "median ms",
        "idle MB",
    ])];
    for kind in kinds {
        let mut times = Vec::new();
        let mut memory = Vec::new();
        for _ in 0..STARTS {
            let receiver = Receiver::start(*kind, &arguments.porchlight, &arguments.place)?;
            times.push(receiver.started_in);
            pause(Duration::from_millis(100));
            memory.push(receiver.memory());
        }
        times.sort_unstable();
        memory.sort_unstable();
        rows.push(vec![
            kind.name().into(),
            millis(times[0]),
            millis(times[STARTS / 2]),
            megabytes(memory[STARTS / 2]),
        ]);
    }
    println!("{}", table(&rows));
    Ok(())
}

/// Throughput and latency, in interleaved rounds.
fn loads(kinds: &[Kind], arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let mut receivers = Vec::new();
    for kind in kinds {
        let receiver = Receiver::start(*kind, &arguments.porchlight, &arguments.place)?;
        receivers.push((receiver, 1_u64));
    }
    let mut head = row(&[
        "body",
        "conns",
        "receiver",
        "per second",
        "p50 ms",
        "p99 ms",
    ]);
    head.extend(row(&["of bare + SQLite", "of bare"]));
    head.extend(row(&["caught up after ms", "with runs per second"]));
    let mut rows = vec![head];
    for (size, connections) in LOADS {
        let mut measured: Vec<Measured> = kinds.iter().map(|_| Measured::default()).collect();
        let mut counts = vec![0; kinds.len()];
        for round in 0..=arguments.rounds {
            for turn in 0..kinds.len() {
                let at = (round + turn) % kinds.len();
                let (receiver, sent) = &mut receivers[at];
                // Round 0 warms up, and tells how many requests fill the seconds.
                let count = if round == 0 { 500 } else { counts[at] };
                let requests = bodies::requests(count, size);
                let burst = load::run(receiver.port, connections, requests)?;
                *sent += count as u64;
                let caught_up = receiver.catch_up(*sent)?;
                if round == 0 {
                    let wanted = (burst.rate() * arguments.seconds) as usize;
                    counts[at] = wanted.clamp(100, PREPARED / (size + 400));
                    continue;
                }
                let measured = &mut measured[at];
                measured.rate.0.push(burst.rate());
                measured
                    .median
                    .0
                    .push(burst.latency(0.5).as_secs_f64() * 1e3);
                measured
                    .slowest
                    .0
                    .push(burst.latency(0.99).as_secs_f64() * 1e3);
                measured.caught_up.0.push(caught_up.as_secs_f64() * 1e3);
                let all = burst.took + caught_up;
                measured.scripted.0.push(count as f64 / all.as_secs_f64());
            }
        }
        for (at, kind) in kinds.iter().enumerate() {
            let of = |other: usize| measured[at].rate.over(&measured[other].rate).ratio();
            rows.push(vec![
                size.to_string(),
                connections.to_string(),
                kind.name().into(),
                format!("{:.0}", measured[at].rate.mean()),
                format!("{:.3}", measured[at].median.mean()),
                format!("{:.3}", measured[at].slowest.mean()),
                of(1),
                of(0),
            ]);
            if let (Kind::Porchlight, Some(cells)) = (kind, rows.last_mut()) {
                cells.push(format!("{:.1}", measured[at].caught_up.mean()));
                cells.push(format!("{:.0}", measured[at].scripted.mean()));
            }
        }
    }
    println!("{}", table(&rows));
    let mut rows = vec![row(&["after the load", "events", "MB"])];
    for (receiver, sent) in &receivers {
        let memory = megabytes(receiver.memory());
        rows.push(vec![receiver.kind.name().into(), sent.to_string(), memory]);
    }
    println!("{}", table(&rows));
    Ok(())
}

/// What one small event at a time costs the disk, with all that follows from it.
fn single_events(kinds: &[Kind], arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let mut rows = vec![row(&["one 300-byte event at a time", "bytes written each"])];
    for kind in kinds {
        let mut receiver = Receiver::start(*kind, &arguments.porchlight, &arguments.place)?;
        receiver.catch_up(1)?;
        let before = receiver.written();
        for (sent, request) in bodies::requests(SINGLE_EVENTS, 300).into_iter().enumerate() {
            load::run(receiver.port, 1, vec![request])?;
            receiver.catch_up(sent as u64 + 2)?;
            pause(Duration::from_millis(20));
        }
        let each = (receiver.written() - before) / SINGLE_EVENTS as u64;
        rows.push(vec![kind.name().into(), each.to_string()]);
    }
    println!("{}", table(&rows));
    Ok(())
}

fn row(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

fn megabytes(kilobytes: u64) -> String {
    format!("{:.1}", kilobytes as f64 / 1024.0)
}
