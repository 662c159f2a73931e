//! `porchlight act 'light::flash("porch")'`: performs what one expression tells, by hand.
//!
//! The expression runs as the handler of a script would, with the configuration of the home and its
//! state as it is now. What it tells is performed here and now, once, beside a running host or
//! without one; nothing is written to the journal, so neither a record nor a value of the state nor a
//! retry remains. What it leaves for later (`later`, as a flash does) is performed too, in time; what
//! cannot be is said.
//!
//! With `--dry` nothing is performed and nothing asked.

mod shown;

use crate::cli::ActArgs;
use crate::config::Config;
use crate::dispatch::system_clock;
use crate::home::Home;
use crate::performing;
use crate::{Clock, Ending, brokers, output};
use porchlight_action::{Blobs, Performer};
use porchlight_core::units::{format_duration, parse_duration};
use porchlight_core::{
    ActionError, Event, NewEvent, NewWait, Outcome, Proof, Run, Timestamp, Wait, WaitKind,
};
use porchlight_journal::Reader;
use porchlight_script::{Host, HostConfig, Rules, STACK_SIZE, Script, State};
use serde_json::{Value, json};
use shown::Shown;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long one action may take.
const ATTEMPT: Duration = Duration::from_secs(120);

/// What the script is called where mistakes are shown.
const NAME: &str = "act.rhai";

/// The type of the event that the expression answers.
const KIND: &str = "porchlight.act";

/// How the line begins that says what the expression gives.
const GIVES: &str = "gives ";

/// A question that was not asked, for a dry run.
type Unasked = Arc<Mutex<Vec<(String, Value)>>>;

/// Performs and shows.
pub fn act(home: &Home, args: &ActArgs) -> Ending {
    let config = match Config::load(&home.dir) {
        Ok(config) => Arc::new(config),
        Err(problems) => {
            output::diagnostics(&problems);
            return Ending::Mistake;
        }
    };
    let patience = match parse_duration(&args.within) {
        Ok(patience) => patience,
        Err(message) => return Ending::Failed(format!("--within: {message}")),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return Ending::Failed(format!("the system gives no threads: {error}")),
    };
    let clock = system_clock();
    let brokers = brokers::by_hand(&config);
    let performer = match performing::performer(home, &config, blobs(home), &brokers, &clock) {
        Ok(performer) => Arc::new(performer),
        Err(message) => return Ending::Failed(message),
    };
    let unasked = Unasked::default();
    let hand = Hand {
        host: host(home, &config, &performer, &runtime, args.dry, &unasked),
        performer,
        runtime,
        clock,
        shown: Shown { json: args.json },
        dry: args.dry,
        unasked,
    };
    let (expression, shown) = (args.expression.clone(), hand.shown);
    // Scripts need their own stack.
    let thread = std::thread::Builder::new().stack_size(STACK_SIZE);
    let work = thread.spawn(move || hand.all(&expression, patience));
    match work.map(std::thread::JoinHandle::join) {
        Ok(Ok(ending)) => {
            shown.note("nothing of this is in the journal, and nothing of it is tried again");
            ending
        }
        _ => Ending::Failed("the expression could not be run".to_owned()),
    }
}

/// Attachments of the journal, where there is one.
fn blobs(home: &Home) -> Blobs {
    let data = home.data();
    Arc::new(move |hash| {
        let reader = Reader::open(&data).map_err(std::io::Error::other)?;
        reader.blob(hash).map_err(std::io::Error::other)
    })
}

/// A host that asks the world, or in a dry run nobody. What scripts may reach is for scripts that
/// somebody saved; who acts by hand could edit the configuration as well.
fn host(
    home: &Home,
    config: &Config,
    performer: &Arc<Performer>,
    runtime: &tokio::runtime::Runtime,
    dry: bool,
    unasked: &Unasked,
) -> Host {
    let (performer, handle) = (Arc::clone(performer), runtime.handle().clone());
    let unasked = Arc::clone(unasked);
    let ask = move |kind: &str, args: &Value, left: Duration| {
        if dry {
            let mut unasked = unasked.lock().unwrap_or_else(PoisonError::into_inner);
            unasked.push((kind.to_owned(), args.clone()));
            return Err(ActionError::never("config", "a dry run asks nobody"));
        }
        let asked = performer.perform(kind, args, "", left);
        handle.block_on(asked).map(|receipt| receipt.detail)
    };
    // Without a journal there is no state yet.
    let state = Reader::open(&home.data()).and_then(|reader| reader.state());
    Host::new(HostConfig {
        scripts_dir: home.scripts(),
        settings: config.settings.clone(),
        targets: config.targets.seen.clone().into(),
        named: config.named(),
        place: config.place.clone(),
        limits: config.rules.limits.clone(),
        rules: Rules::default(),
        state: State::from(state.unwrap_or_default()),
        ask: Arc::new(ask),
        clock: system_clock(),
    })
}

/// One command at work.
struct Hand {
    host: Host,
    performer: Arc<Performer>,
    runtime: tokio::runtime::Runtime,
    clock: Clock,
    shown: Shown,
    dry: bool,
    unasked: Unasked,
}

impl Hand {
    /// Runs the expression, performs what it tells, and what it left for later.
    fn all(&self, expression: &str, patience: Duration) -> Ending {
        let source = format!(
            "on(\"{KIND}\", || {{\n{{ let answer = {{ {expression}\n}}; if type_of(answer) != \"()\" {{ log::info(`{GIVES}${{answer}}`); }} }}\n}});"
        );
        let script = match self.host.load(NAME, &source) {
            Ok(script) => script,
            Err(problems) => {
                output::diagnostics(&problems);
                return Ending::Mistake;
            }
        };
        let begun = (self.clock)();
        let until = begun.after(patience);
        let run = self.host.run(&script, 0, &event(begun), begun);
        let mut well = true;
        let mut waits = Vec::new();
        let mut count = 0;
        self.take(run, &mut waits, &mut well, &mut count);
        while let Some(wait) = next(&mut waits, until) {
            if self.dry {
                let after = format_duration(wait.due.since(begun));
                let what = &wait.title;
                self.shown
                    .note(&format!("after {after} it would go on: {what}"));
                continue;
            }
            self.pause(wait.due);
            let wait = Wait {
                id: 0,
                content: wait,
            };
            let run = self.go_on(&script, &wait);
            self.take(run, &mut waits, &mut well, &mut count);
        }
        for wait in &waits {
            let (what, why) = left_out(wait, begun, patience);
            self.shown.note(&format!("left out: {what}, {why}"));
        }
        if count == 0 {
            self.shown.note("it tells nothing to be done");
        }
        if well { Ending::Done } else { Ending::Mistake }
    }

    fn go_on(&self, script: &Script, wait: &Wait) -> Run {
        self.host.run_wait(script, wait, None, (self.clock)())
    }

    /// Shows what a run came to and performs what it told.
    fn take(&self, run: Run, waits: &mut Vec<NewWait>, well: &mut bool, count: &mut usize) {
        // What an expression gives is of interest where that is all that it does.
        let tells = !run.actions.is_empty() || !run.waits.is_empty();
        for log in &run.logs {
            if tells && log.message.starts_with(GIVES) {
                continue;
            }
            self.shown.note(&format!("{}: {}", log.level, log.message));
        }
        let unasked =
            std::mem::take(&mut *self.unasked.lock().unwrap_or_else(PoisonError::into_inner));
        for (kind, args) in unasked {
            self.shown
                .request(&kind, "not asked, as if nobody had answered", &args);
        }
        if let Outcome::Error { message, place } | Outcome::Limit { message, place } = &run.outcome
        {
            // The expression begins in the second line of what was run.
            let line = place.line.saturating_sub(1);
            output::complain(&format!("{message} (line {line} of the expression)"));
            *well = false;
        }
        for event in &run.emitted {
            if event.source.starts_with("script:") {
                let kind = &event.kind;
                self.shown
                    .note(&format!("left out: emit({kind:?}), no script hears it"));
            }
        }
        waits.retain(|wait| !run.cancelled.contains(&wait.name));
        waits.extend(run.waits);
        for action in run.actions {
            *count += 1;
            self.shown
                .request(&action.kind, &action.title, &action.args);
            if self.dry {
                continue;
            }
            let key = match action.key.as_str() {
                "" => key(*count),
                own => own.to_owned(),
            };
            let work = self
                .performer
                .perform(&action.kind, &action.args, &key, ATTEMPT);
            let result = self.runtime.block_on(work);
            *well &= result.is_ok();
            self.shown.result(&action, &result);
        }
    }

    /// Waits for the moment of what comes next.
    fn pause(&self, due: Timestamp) {
        let pause = due.since((self.clock)());
        if pause > Duration::from_millis(500) {
            let pause = format_duration(pause);
            self.shown
                .note(&format!("goes on in {pause} (Ctrl-C leaves that undone)"));
        }
        self.runtime
            .block_on(async { tokio::time::sleep(pause).await });
    }
}

/// The next wait that ends by itself and in time, taken out of the list.
fn next(waits: &mut Vec<NewWait>, until: Timestamp) -> Option<NewWait> {
    let in_time = |wait: &NewWait| {
        matches!(wait.kind, WaitKind::Later | WaitKind::Job { .. }) && wait.due <= until
    };
    let candidates = waits.iter().enumerate().filter(|(_, wait)| in_time(wait));
    let (at, _) = candidates.min_by_key(|(_, wait)| wait.due)?;
    Some(waits.remove(at))
}

/// What is not waited for, and why.
fn left_out(wait: &NewWait, begun: Timestamp, patience: Duration) -> (String, String) {
    let after = format_duration(wait.due.since(begun));
    let why = match &wait.kind {
        WaitKind::Event { pattern, .. } => format!("it waits for an event {pattern}"),
        _ => format!(
            "it would come after {after}, longer than --within {}",
            format_duration(patience)
        ),
    };
    (wait.title.clone(), why)
}

/// A key that no other action has.
fn key(count: usize) -> String {
    let moment = Timestamp::from_system_time(std::time::SystemTime::now());
    format!("act:{:x}:{}:{count}", moment.0, std::process::id())
}

/// The event that the expression answers.
fn event(now: Timestamp) -> Arc<Event> {
    let content = NewEvent {
        source: "porchlight".to_owned(),
        kind: KIND.to_owned(),
        subject: None,
        time: now.to_rfc3339(),
        dedup_key: String::new(),
        data: "{}".into(),
        facts: json!({}),
        received: now,
        peer: String::new(),
        headers: Vec::new(),
        query: String::new(),
        verified: Proof::default(),
        attachments: Vec::new(),
        redelivered: false,
        depth: 0,
    };
    Arc::new(Event { id: 0, content })
}
