//! What the clocks do to waits, with a real journal and real scripts, and clocks that a test turns.

use super::*;
use crate::dispatch::committer::Commit;
use crate::dispatch::workers::{Tools, Workers};
use crate::dispatch::{CommittedRun, Input, Lookup, Parts, ScriptSet, backlog, clocks::Clocks};
use porchlight_core::{NewEvent, Outcome, Proof, Run};
use porchlight_journal::{Journal, Options, ScriptVersion};
use porchlight_script::schedule::HomePlace;
use porchlight_script::{Host, HostConfig, State};
use std::sync::RwLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tokio::sync::mpsc;

const START: u64 = 1_780_000_000_000;
const HOUR: Duration = Duration::from_secs(3600);

/// Milliseconds that the three clocks have moved.
#[derive(Default)]
struct Hands {
    wall: AtomicU64,
    awake: AtomicU64,
    boot: AtomicU64,
}

impl Hands {
    fn pass(&self, time: Duration) {
        self.set(time);
        let millis = time.as_millis() as u64;
        self.awake.fetch_add(millis, Ordering::Relaxed);
        self.boot.fetch_add(millis, Ordering::Relaxed);
    }

    fn sleep(&self, time: Duration) {
        self.set(time);
        let millis = time.as_millis() as u64;
        self.boot.fetch_add(millis, Ordering::Relaxed);
    }

    fn set(&self, forward: Duration) {
        let millis = forward.as_millis() as u64;
        self.wall.fetch_add(millis, Ordering::Relaxed);
    }

    fn set_back(&self, by: Duration) {
        self.wall
            .fetch_sub(by.as_millis() as u64, Ordering::Relaxed);
    }
}

/// A dispatcher whose loop the test turns by hand.
struct Turned {
    dispatcher: Dispatcher,
    hands: Arc<Hands>,
    inputs: mpsc::UnboundedReceiver<Input>,
    commits: mpsc::UnboundedReceiver<Commit>,
    journal: Journal,
    events: u64,
    _home: tempfile::TempDir,
}

impl Turned {
    fn new(source: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let journal = Journal::open(home.path(), Options::default()).unwrap();
        let hands = Arc::new(Hands::default());
        let wall = Arc::clone(&hands);
        let clock: crate::Clock =
            Arc::new(move || Timestamp((START + wall.wall.load(Ordering::Relaxed)).cast_signed()));
        let host = Host::new(HostConfig {
            clock: Arc::clone(&clock),
            ..HostConfig::default()
        });
        let (loader, source) = (host.clone(), source.to_owned());
        let loading = std::thread::Builder::new()
            .stack_size(porchlight_script::STACK_SIZE)
            .spawn(move || loader.load("a.rhai", &source).unwrap());
        let script = loading.unwrap().join().unwrap();
        let (sender, inputs) = mpsc::unbounded_channel();
        let (commits_sender, commits) = mpsc::unbounded_channel();
        let tools = Tools {
            host: Arc::new(RwLock::new(host)),
            journal: journal.clone(),
            inputs: sender.clone(),
        };
        let mut dispatcher = Dispatcher::new(Parts {
            journal: journal.clone(),
            workers: Workers::start(&tools).unwrap(),
            commits: commits_sender,
            backlog: backlog::Loader::new(journal.reader().unwrap(), sender),
            missed: Arc::default(),
            waits: Vec::new(),
            last_alive: None,
            silences: Vec::new(),
            schedules: Vec::new(),
            place: HomePlace::default(),
            state: State::default(),
            edits: Vec::new(),
            last_event: 0,
            clock: Arc::clone(&clock),
        });
        let (running, begun) = (Arc::clone(&hands), Instant::now());
        let since = |hand: &AtomicU64| Duration::from_millis(hand.load(Ordering::Relaxed));
        let read = move || (begun + since(&running.awake), Some(since(&running.boot)));
        dispatcher.clocks = Clocks::reading(Box::new(read), clock());
        dispatcher.recovering = false;
        dispatcher.take_scripts(Arc::new(ScriptSet::new(vec![Arc::new(script)])));
        Self {
            dispatcher,
            hands,
            inputs,
            commits,
            journal,
            events: 0,
            _home: home,
        }
    }

    /// An event comes in.
    fn post(&mut self, kind: &str) {
        self.events += 1;
        let received = (self.dispatcher.clock)();
        let content = NewEvent {
            source: "gate".into(),
            kind: kind.into(),
            subject: None,
            time: received.to_rfc3339(),
            dedup_key: String::new(),
            data: "{}".into(),
            facts: serde_json::json!({}),
            received,
            peer: String::new(),
            headers: Vec::new(),
            query: String::new(),
            verified: Proof::default(),
            attachments: Vec::new(),
            redelivered: false,
            depth: 0,
        };
        let id = self.events;
        let event = Arc::new(Event { id, content });
        self.dispatcher.dispatch(&event, Lookup::Live);
    }

    /// Runs are decided, and not stored yet.
    async fn decide(&mut self) {
        self.dispatcher.start_due_waits();
        self.dispatcher.feed_workers();
        while self.dispatcher.lanes.any_busy() {
            let waited = tokio::time::timeout(Duration::from_secs(60), self.inputs.recv());
            let input = waited.await.expect("a worker answers").expect("it lives");
            self.dispatcher.handle(input);
        }
    }

    /// The loop turns once; gives the runs that it caused, stored.
    async fn turn(&mut self) -> Vec<Run> {
        self.dispatcher.start_due_waits();
        self.dispatcher.feed_workers();
        let mut runs = Vec::new();
        while self.dispatcher.lanes.any_busy() || self.dispatcher.uncommitted > 0 {
            if self.dispatcher.lanes.any_busy() {
                let waited = tokio::time::timeout(Duration::from_secs(60), self.inputs.recv());
                let input = waited.await.expect("a worker answers").expect("it lives");
                self.dispatcher.handle(input);
            }
            while let Ok(commit) = self.commits.try_recv() {
                let (run, beside) = (commit.run.clone(), commit.beside);
                runs.push(commit.run);
                let committed = self.journal.commit_beside(run, beside).await.unwrap();
                self.dispatcher.committed(CommittedRun {
                    event: None,
                    waits: committed.waits,
                    removed: committed.removed,
                    emitted: committed.emitted,
                    refused: None,
                });
            }
            self.dispatcher.feed_workers();
        }
        runs
    }

    /// The titles of the runs of one turn, those that were skipped with their reason.
    async fn done(&mut self) -> Vec<String> {
        let runs = self.turn().await;
        let shown = runs.into_iter().map(|run| match run.outcome {
            Outcome::Ok => run.logs.iter().map(|line| line.message.as_str()).collect(),
            Outcome::Skipped { reason } => reason,
            other => format!("{other:?}"),
        });
        let mut shown: Vec<String> = shown.collect();
        shown.sort_unstable();
        shown
    }
}

const LATER: &str = r#"
    on("go", || {
        later("5m", |wait| log::info(`off, late ${wait.late_by}`));
        later("5m", #{ on_gap: "resume" }, || log::info("resumed"));
        later("5m", #{ on_gap: "drop" }, || log::info("not dropped"));
        later("9h", #{ on_gap: "drop" }, || log::info("not due yet"));
    });
"#;

#[tokio::test]
async fn what_fell_due_while_the_computer_slept_is_done_when_it_wakes() {
    let mut house = Turned::new(LATER);
    house.post("go");
    assert_eq!(house.done().await, [""]);
    house.hands.pass(Duration::from_secs(60));
    assert!(house.done().await.is_empty());
    house.hands.sleep(8 * HOUR);
    assert_eq!(house.done().await, ["gap", "off, late 7h 56m"]);
    house.hands.pass(Duration::from_secs(239));
    assert!(house.done().await.is_empty(), "four minutes are left of it");
    house.hands.pass(Duration::from_secs(1));
    assert_eq!(house.done().await, ["resumed"]);
    house.hands.pass(HOUR);
    assert_eq!(house.done().await, ["not due yet"]);
}

#[tokio::test]
async fn a_clock_that_is_set_fires_nothing_early_and_nothing_late() {
    let mut house = Turned::new(LATER);
    house.post("go");
    house.done().await;
    house.hands.set(8 * HOUR);
    assert!(house.done().await.is_empty());
    house.hands.pass(Duration::from_secs(60));
    house.hands.set_back(24 * HOUR / 3);
    assert!(house.done().await.is_empty());
    house.hands.pass(Duration::from_secs(239));
    assert!(house.done().await.is_empty());
    house.hands.pass(Duration::from_secs(1));
    let all = ["not dropped", "off, late 0s", "resumed"];
    assert_eq!(house.done().await, all);
}

#[tokio::test]
async fn an_event_after_the_clock_was_set_back_ends_a_wait_of_before_also_over_a_restart() {
    let mut house = Turned::new(
        r#"on("bell", || wait_for("door", #{ within: "5m" }, || log::info("opened"), || log::info("nobody")));"#,
    );
    house.hands.set(8 * HOUR);
    house.done().await;
    house.post("bell");
    house.done().await;
    house.hands.set_back(HOUR);
    house.done().await;
    // What a start would read.
    let now = (house.dispatcher.clock)();
    let version = ScriptVersion {
        hash: "h".to_owned(),
        name: "a.rhai".to_owned(),
        sources: Vec::new(),
    };
    house.journal.remember_script(version).await.unwrap(); // and all that was told before
    let waits = house.journal.reader().unwrap().waits().unwrap();
    assert!(waits[0].began <= now, "{waits:?}");
    assert!(waits[0].due > now);
    house.post("door");
    assert_eq!(house.done().await, ["opened"]);
}

#[tokio::test]
async fn an_event_that_comes_before_the_run_is_stored_ends_its_wait_all_the_same() {
    let mut house = Turned::new(
        r#"on("bell", |event| wait_for("door", #{ within: "5m" }, |door| log::info(`opened ${door.id}`), || log::info("nobody")));"#,
    );
    house.post("door");
    house.hands.pass(Duration::from_secs(1));
    house.post("bell");
    house.decide().await;
    house.hands.pass(Duration::from_secs(1));
    house.post("window");
    house.post("door");
    house.post("door");
    assert_eq!(house.done().await, ["", "opened 4"], "the first, once");
    house.post("door");
    house.hands.pass(HOUR);
    assert!(house.done().await.is_empty());
}
