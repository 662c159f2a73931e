//! `porchlight run`: puts the house together, serves until told to stop, and takes it apart again.
//!
//! The order matters. The journal opens first, since everything else needs it; the socket opens
//! before the scripts are compiled, since events are safe in the journal until then; on the way
//! down it is the other way round: no new requests, then no new runs, then the outbox, and the
//! journal last.

use crate::cli::RunArgs;
use crate::config::Config;
use crate::discovery::{self, Discovery};
use crate::dispatch::backlog::{Loader, Missed};
use crate::dispatch::committer::{self, Exits};
use crate::dispatch::workers::{Tools, Workers};
use crate::dispatch::{Dispatcher, Input, Parts, ScriptSet, look_for_edits, system_clock};
use crate::gate::Gate;
use crate::home::Home;
use crate::listen::{Doors, Passed};
use crate::outgoing::Outgoing;
use crate::performing;
use crate::remembered::Remembered;
use crate::scripts::{LastGood, Library};
use crate::shadow::Shadow;
use crate::telling::Telling;
use crate::versions::Versions;
use crate::{Clock, Ending, brokers, greet, output, whereabouts};
use porchlight_action::{Limiters, Performer, RetryPolicy};
use porchlight_core::{Diagnostic, Event, Severity};
use porchlight_journal::{Journal, Retention};
use porchlight_script::watch::{Batch, Watcher};
use porchlight_script::{Host, HostConfig, State};
use porchlight_source::http::{REFUSED, Receiver, ServeLimits, serve};
use porchlight_source::mqtt::{Listeners, OnStored, Shared};
use std::net::SocketAddr;
use std::sync::{Arc, RwLock};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// Events that may wait for the dispatcher; what doesn't fit is read back from the journal.
const STORED_QUEUE: usize = 4096;

/// Runs the host until it is told to stop.
pub fn run(home: &Home, args: &RunArgs) -> Ending {
    let first_run = match home.prepare() {
        Ok(first_run) => first_run,
        Err(message) => return Ending::Failed(message),
    };
    let config = match Config::load(&home.dir) {
        Ok(config) => config,
        Err(problems) => {
            output::diagnostics(&problems);
            output::complain(&mistakes(&problems));
            return Ending::Mistake;
        }
    };
    output::diagnostics(&config.warnings);
    let passed = match Passed::take() {
        Ok(passed) => passed,
        Err(message) => return Ending::Failed(message),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return Ending::Failed(format!("the system gives no threads: {error}")),
    };
    match runtime.block_on(serve_house(home, config, (args.listen, passed), first_run)) {
        Ok(()) => Ending::Done,
        Err(message) => Ending::Failed(message),
    }
}

/// `3 mistakes; nothing was started`.
fn mistakes(problems: &[Diagnostic]) -> String {
    let errors = problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .count();
    let noun = if errors == 1 { "mistake" } else { "mistakes" };
    format!(
        "{errors} {noun} in {}; nothing was started",
        crate::config::FILE
    )
}

async fn serve_house(
    home: &Home,
    config: Config,
    (listen, passed): (Option<SocketAddr>, Passed),
    first_run: bool,
) -> Result<(), String> {
    let clock = system_clock();
    let journal = open_journal(home, &config, &clock)?;
    let reader = journal.reader().map_err(|error| error.to_string())?;
    let doors = Doors::open(&config.server, listen, passed).await?;
    let number = reader.home().map_err(|error| error.to_string())?;
    let (config, brokers) = brokers::configured(config, number);

    let (stored_sender, stored) = mpsc::channel(STORED_QUEUE);
    let (inputs, inputs_receiver) = mpsc::unbounded_channel();
    let (commits, commits_receiver) = mpsc::unbounded_channel();
    let missed = Arc::new(Missed::default());

    let blobs = performing::blobs_of(&journal);
    let performer = Arc::new(performing::performer(
        home, &config, blobs, &brokers, &clock,
    )?);
    let limiters = config.limiters.limiters();
    let (offered, offer_to) = (Arc::clone(&missed), stored_sender.clone());
    let out = Arc::new(move |event: Arc<Event>| offered.offer(&offer_to, event));
    let telling = Telling::new(journal.clone(), Arc::clone(&clock), out);
    let telling = Arc::new(telling);
    let known = whereabouts::start(&journal, &telling, &clock, &config.targets.seen);
    let known = known.map_err(|error| error.to_string())?;
    let policy = RetryPolicy {
        limiters: limiters.clone(),
        hear: known.hear,
        away: known.away,
        ..RetryPolicy::default()
    };
    let outgoing = Outgoing::start(&journal, &performer, policy, &telling, &clock);
    let outgoing = Arc::new(outgoing);
    let state = State::from(reader.state().map_err(|error| error.to_string())?);
    let asking = (
        Arc::clone(&performer),
        limiters,
        Remembered::new(journal.clone()),
    );
    let host = host(home, &config, state.clone(), asking, &clock);
    let parts = discovery::Parts {
        state: state.clone(),
        performer: Arc::clone(&performer),
        sources: Arc::default(),
        folder: home.data(),
    };
    let discovery = Arc::new(Discovery::start(&brokers, &config, &parts));

    let tools = Tools {
        host: Arc::new(RwLock::new(host.clone())),
        journal: journal.clone(),
        inputs: inputs.clone(),
    };
    let dispatcher = Dispatcher::new(Parts {
        journal: journal.clone(),
        workers: Workers::start(&tools)
            .map_err(|error| format!("the system gives no threads: {error}"))?,
        commits,
        backlog: Loader::new(
            journal.reader().map_err(|error| error.to_string())?,
            inputs.clone(),
        ),
        missed: Arc::clone(&missed),
        last_alive: reader.last_alive().map_err(|error| error.to_string())?,
        schedules: reader.schedules().map_err(|error| error.to_string())?,
        place: config.place.clone(),
        silences: reader.silences().map_err(|error| error.to_string())?,
        waits: reader.waits().map_err(|error| error.to_string())?,
        state,
        edits: reader.state_edits(0).map_err(|error| error.to_string())?,
        last_event: reader.last_event_id().map_err(|error| error.to_string())?,
        clock: Arc::clone(&clock),
    });
    let exits = Exits {
        journal: journal.clone(),
        outgoing: Arc::clone(&outgoing),
        inputs: inputs.clone(),
        changed: discovery.changed.clone(),
    };
    let committer = tokio::spawn(committer::run(commits_receiver, exits));
    let dispatcher = tokio::spawn(dispatcher.run(stored, inputs_receiver));

    let stored: OnStored = Arc::new(move |event| {
        parts.sources.hear(&event);
        missed.offer(&stored_sender, event);
    });
    let receiver = Receiver::new(journal.clone(), Arc::clone(&clock), Arc::clone(&stored));
    let shared = Shared {
        journal: journal.clone(),
        clock: Arc::clone(&clock),
        stored,
    };
    let listeners = Arc::new(Listeners::start(brokers, &shared));
    performer.connect();
    let receiver = Arc::new(receiver);
    receiver.set_webhooks(config.webhooks.clone());
    receiver.tell_scripts_of_refusals(false); // until one listens
    let stop = CancellationToken::new();
    let limits = ServeLimits {
        header: config.server.header_timeout,
        body: config.server.body_timeout,
        connections: config.server.max_connections,
        drain: config.server.drain,
        public_url: config.server.url.clone(),
        ..ServeLimits::default()
    };
    let limits = config.server.guards.apply(limits);
    greet::greet(home, &config, &doors, first_run);
    let server = tokio::spawn(serve(
        doors.listeners,
        Arc::clone(&receiver),
        limits,
        stop.clone(),
    ));

    let messages = Arc::clone(&listeners);
    let live = move |set: &ScriptSet| {
        messages.listen(&brokers::wanted(set));
        discovery.show(set);
        let listens = set.subscriptions.matching(REFUSED).next().is_some();
        receiver.tell_scripts_of_refusals(listens);
        telling.listen(|kind| set.hears_by_name(kind));
    };
    let library = |last_good| {
        let shadow = Shadow::of(home, &config, &host);
        let library = Library::new(host.clone(), last_good);
        library
            .with_gate(Gate::of(home, &config, &host))
            .with_shadow(shadow)
    };
    let watcher = watch_scripts(home, library, journal.clone(), inputs.clone(), live)?;
    let edits = tokio::spawn(look_for_edits(journal.clone(), inputs.clone()));
    let looker = tokio::spawn(Arc::clone(&outgoing).look_for_open_actions());

    stop_signal().await;
    output::note(
        "stopping: requests and actions under way are finished first (once more Ctrl-C: at once)",
    );
    let drain = config.server.drain;
    let down = async {
        stop.cancel();
        _ = server.await;
        listeners.stop(drain).await;
        let (done, stopped) = oneshot::channel();
        _ = inputs.send(Input::Stop(done));
        _ = tokio::time::timeout(drain, stopped).await;
        drop(watcher);
        looker.abort();
        edits.abort();
        performer.let_go();
        outgoing.drain(drain).await;
        performer.close().await;
        dispatcher.abort();
        committer.abort();
        journal.close().await;
    };
    tokio::select! {
        () = down => output::note("stopped; everything is in the journal"),
        () = stop_signal() => output::note("stopped at once; the journal goes on where it was at the next start"),
    }
    Ok(())
}

fn open_journal(home: &Home, config: &Config, clock: &Clock) -> Result<Journal, String> {
    let options = porchlight_journal::Options {
        retention: Retention {
            max_age: Some(config.journal.keep),
            max_bytes: Some(config.journal.max_size),
        },
        keep_state: Some(config.journal.keep_state),
        clock: Arc::clone(clock),
        ..porchlight_journal::Options::default()
    };
    let journal = Journal::open(&home.data(), options).map_err(|error| error.to_string())?;
    if let Some(salvaged) = journal.salvaged() {
        output::complain(&salvaged.to_string());
    }
    Ok(journal)
}

fn host(
    home: &Home,
    config: &Config,
    state: State,
    (performer, limiters, remembered): (Arc<Performer>, Limiters, Remembered),
    clock: &Clock,
) -> Host {
    let runtime = tokio::runtime::Handle::current();
    let ask = move |kind: &str, args: &serde_json::Value, left: Duration| {
        if kind == Remembered::KIND {
            return remembered.answer(args);
        }
        let asked = limiters.ask(&performer, kind, args, left);
        runtime.block_on(asked).map(|receipt| receipt.detail)
    };
    Host::new(HostConfig {
        scripts_dir: home.scripts(),
        settings: config.settings.clone(),
        targets: config.targets.seen.clone().into(),
        named: config.named(),
        place: config.place.clone(),
        limits: config.rules.limits.clone(),
        rules: config.rules.rules.clone(),
        state,
        ask: Arc::new(ask),
        clock: Arc::clone(clock),
    })
}

/// Watches the scripts folder; the first batch, with every file, comes at once. Scripts are compiled
/// on a thread of their own, which has the stack that deeply nested ones need. `live` is called
/// when a new set takes over.
fn watch_scripts(
    home: &Home,
    library: impl FnOnce(LastGood) -> Library,
    journal: Journal,
    inputs: mpsc::UnboundedSender<Input>,
    live: impl Fn(&ScriptSet) + Send + 'static,
) -> Result<Watcher, String> {
    let runtime = tokio::runtime::Handle::current();
    let (batches, loader) = std::sync::mpsc::channel::<Batch>();
    let past = journal.clone();
    let last_good = move |name: &str| past.reader().ok()?.last_version(name).ok()?;
    let mut library = library(Box::new(last_good));
    let load = move || {
        let mut versions = Versions::default();
        let mut first = true;
        for batch in loader {
            let report = library.apply(batch);
            output::diagnostics(&report.problems);
            report.forecast.iter().for_each(|line| output::note(line));
            let set = match report.set {
                // The dispatcher waits for its first set, even when there is no script at all.
                None if first => Some(Arc::new(ScriptSet::new(Vec::new()))),
                set => set,
            };
            let count = set.as_ref().map_or(0, |set| set.scripts.len());
            if let Some(set) = set {
                runtime.block_on(versions.remember(&journal, &set));
                _ = inputs.send(Input::Scripts(Arc::clone(&set)));
                // Whatever it asks to be heard of meets scripts that know it.
                live(&set);
            }
            // Said once it is so: whatever comes in from now on meets the new version.
            report
                .sentences
                .iter()
                .for_each(|sentence| output::note(sentence));
            if std::mem::take(&mut first) {
                output::note(&format!("ready: {count} scripts"));
            }
        }
    };
    std::thread::Builder::new()
        .name("scripts".to_owned())
        .stack_size(porchlight_script::STACK_SIZE)
        .spawn(load)
        .map_err(|error| format!("the system gives no threads: {error}"))?;
    Watcher::start(&home.scripts(), &[], move |batch| _ = batches.send(batch))
        .map_err(|error| error.to_string())
}

async fn stop_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let Ok(mut terminate) = signal(SignalKind::terminate()) else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    }
    #[cfg(not(unix))]
    {
        _ = tokio::signal::ctrl_c().await;
    }
}
