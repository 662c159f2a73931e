//! What is kept of schedules.

use crate::support::{NOON, open, run};
use porchlight_core::Timestamp;
use porchlight_journal::{Journal, Reader, ScheduleRow};

fn row(id: &str, last: i64) -> ScheduleRow {
    ScheduleRow {
        script: "a.rhai".to_owned(),
        id: id.to_owned(),
        last: Timestamp(NOON + last),
    }
}

fn kept(journal: &Journal) -> Vec<ScheduleRow> {
    journal.reader().unwrap().schedules().unwrap()
}

#[tokio::test]
async fn a_schedule_moves_on_with_the_run_of_its_tick_and_goes_with_its_script() {
    let home = tempfile::tempdir().unwrap();
    let journal = open(home.path());
    journal.keep_schedules(vec![row("one", 0), row("two", 0)]);
    let tick = run(0, "a.rhai", "tick:one:60");
    journal.commit_tick(tick, row("one", 60)).await.unwrap();
    assert_eq!(kept(&journal), [row("one", 60), row("two", 0)]);

    // One that is known stays as far as it has come.
    journal.keep_schedules(vec![row("one", 0), row("three", 0)]);
    journal.close().await;
    let reader = Reader::open(home.path()).unwrap();
    assert_eq!(
        reader.schedules().unwrap(),
        [row("one", 60), row("three", 0)]
    );
}

#[tokio::test]
async fn a_tick_is_stored_once_however_often_it_is_committed() {
    let home = tempfile::tempdir().unwrap();
    let journal = open(home.path());
    journal.keep_schedules(vec![row("one", 0)]);
    let tick = || run(0, "a.rhai", "tick:one:60");
    let first = journal.commit_tick(tick(), row("one", 60)).await.unwrap();
    let again = journal.commit_tick(tick(), row("one", 60)).await.unwrap();
    assert_eq!(first.run, again.run);
    let runs = journal.reader().unwrap().runs(&Default::default()).unwrap();
    assert_eq!(runs.len(), 1);
}

#[tokio::test]
async fn the_last_tick_of_a_schedule_that_was_taken_out_does_not_bring_it_back() {
    let home = tempfile::tempdir().unwrap();
    let journal = open(home.path());
    journal.keep_schedules(vec![row("one", 0)]);
    journal.keep_schedules(Vec::new());
    let tick = run(0, "a.rhai", "tick:one:60");
    journal.commit_tick(tick, row("one", 60)).await.unwrap();
    assert_eq!(kept(&journal), []);
}
