//! One script at work, with a clock that the test turns: its lane, its open waits, what it did.

use super::support::*;
use porchlight_core::*;
use porchlight_script::*;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

pub struct House {
    pub host: Host,
    pub script: Arc<Script>,
    pub agenda: Agenda,
    pub lane: Lane,
    pub past: Before,
    /// Every run, in the order in which they ended.
    pub runs: Vec<Run>,
    clock: Arc<AtomicI64>,
    waits: u64,
    events: u64,
}

impl House {
    /// Does something with a house whose script is this, on a stack that is large enough.
    pub fn with(source: &str, work: impl FnOnce(&mut House) + Send + 'static) {
        let source = source.to_owned();
        on_big_stack(move || work(&mut House::new(&source)));
    }

    pub fn new(source: &str) -> Self {
        let clock = Arc::new(AtomicI64::new(NOW.0));
        let hand = Arc::clone(&clock);
        let host = Host::new(HostConfig {
            scripts_dir: "/nonexistent".into(),
            settings: json!({}),
            targets: json!({}),
            limits: Limits {
                waits_outstanding: 200,
                waits_size: 1_000_000,
                ..Limits::default()
            },
            ask: Arc::new(|_, _, _| Err(ActionError::never("connect", "nobody answers"))),
            clock: Arc::new(move || Timestamp(hand.load(Ordering::Relaxed))),
            ..HostConfig::default()
        });
        let script = host.load("gate.rhai", source);
        let script = Arc::new(script.unwrap_or_else(|wrong| panic!("{wrong:#?}")));
        let mut past = Before::default();
        past.versions.push(Arc::clone(&script));
        host.state().set_listeners(&[Arc::clone(&script)]);
        Self {
            host,
            script,
            agenda: Agenda::default(),
            lane: Lane::default(),
            past,
            runs: Vec::new(),
            clock,
            waits: 0,
            events: 0,
        }
    }

    pub fn now(&self) -> Timestamp {
        self.host.now()
    }

    /// An event comes in, and everything that it concerns is done.
    pub fn send(&mut self, kind: &str, data: Value) {
        self.events += 1;
        let mut event = (*event(kind, data)).clone();
        event.id = self.events;
        event.content.received = self.now();
        event.content.time = self.now().to_rfc3339();
        let event = Arc::new(event);
        self.past.events.insert(event.id, Arc::clone(&event));
        self.deliver(event);
    }

    /// Somebody sets a value by hand.
    pub fn set(&mut self, key: &str, value: Value) {
        let value = Some(value).filter(|value| !value.is_null());
        let (id, key) = (self.events, key.to_owned());
        let (run, _) = SetByHand { id, key, value }.apply(self.host.state(), self.now());
        self.tell(run.emitted);
    }

    /// Events that a run emitted come in.
    fn tell(&mut self, emitted: Vec<NewEvent>) {
        for content in emitted {
            self.events += 1;
            let id = self.events;
            let event = Arc::new(Event { id, content });
            self.past.events.insert(id, Arc::clone(&event));
            self.deliver(event);
        }
    }

    fn deliver(&mut self, event: Arc<Event>) {
        let script = Arc::clone(&self.script);
        let index = Subscriptions::build(std::slice::from_ref(&script));
        for (_, number) in index.concerned(&event) {
            if script.handlers[number].wants(&event) {
                self.job(Work::Handler(number), Some(Arc::clone(&event)));
            }
        }
        for wait in self.agenda.take_matching(&event) {
            let work = Work::Wait(Box::new(wait), Fell::Matched);
            self.job(work, Some(Arc::clone(&event)));
        }
    }

    /// The clock goes on, and what falls due meanwhile is done at its time.
    pub fn advance(&mut self, time: &str) {
        let time = porchlight_core::units::parse_duration(time).unwrap();
        let end = self.now().after(time);
        while let Some(due) = self.agenda.next_due().filter(|due| *due <= end) {
            self.clock.store(due.0.max(self.now().0), Ordering::Relaxed);
            for wait in self.agenda.take_due(self.now()) {
                self.job(Work::Wait(Box::new(wait), Fell::Due), None);
            }
        }
        self.clock.store(end.0, Ordering::Relaxed);
    }

    /// Somebody sets the clock back.
    pub fn set_back(&mut self, by: &str) {
        let by = porchlight_core::units::parse_duration(by).unwrap();
        let by = i64::try_from(by.as_millis()).unwrap();
        self.clock.fetch_sub(by, Ordering::Relaxed);
    }

    /// Does one job, and stores what its runs decided.
    pub fn job(&mut self, work: Work, event: Option<Arc<Event>>) {
        let job = Job {
            script: Some(Arc::clone(&self.script)),
            event,
            work,
        };
        let mut done = Vec::new();
        self.lane
            .perform(&self.host, &mut self.past, job, &mut |finished| {
                done.push(finished.run);
            });
        for run in done {
            let emitted = run.emitted.clone();
            for name in &run.cancelled {
                self.forget(name);
            }
            for wait in &run.waits {
                self.forget(&wait.name);
                self.waits += 1;
                self.agenda.add(Wait {
                    id: self.waits,
                    content: wait.clone(),
                });
            }
            self.runs.push(run);
            self.tell(emitted);
        }
    }

    fn forget(&mut self, name: &str) {
        let found = self.agenda.of_script("gate.rhai");
        let found = found.filter(|wait| wait.name == name).map(|wait| wait.id);
        for id in found.collect::<Vec<_>>() {
            self.agenda.remove(id);
        }
    }

    /// Another version of the script is live.
    pub fn reload(&mut self, source: &str) {
        let script = self.host.load("gate.rhai", source);
        self.script = Arc::new(script.unwrap_or_else(|wrong| panic!("{wrong:#?}")));
        let live = [Arc::clone(&self.script)];
        self.host.state().set_listeners(&live);
    }

    /// What a restart does: the lane comes back from the open waits alone.
    pub fn restart(&mut self) {
        self.lane = Lane::new(self.agenda.of_script("gate.rhai"));
    }

    /// Everything that was logged.
    pub fn logs(&self) -> Vec<String> {
        let lines = self.runs.iter().flat_map(|run| &run.logs);
        lines.map(|line| line.message.clone()).collect()
    }

    /// Why runs were skipped, in order.
    pub fn skips(&self) -> Vec<String> {
        let reasons = self.runs.iter().filter_map(|run| match &run.outcome {
            Outcome::Skipped { reason } => Some(reason.clone()),
            Outcome::Ok => None,
            wrong => Some(format!("{wrong:?}")),
        });
        reasons.collect()
    }
}
