//! A damaged database is salvaged, kept, and never replaced by an empty one in silence.

use crate::support::{action, event, open, run};
use porchlight_journal::{Appended, Ends, FILE_NAME};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

async fn fill(home: &Path, events: u64) {
    let journal = open(home);
    for n in 1..=events {
        journal
            .append(event(&n.to_string()), vec![], None)
            .await
            .unwrap();
    }
    let mut decided = run(1, "gate.rhai", "0");
    decided.actions = vec![action("a")];
    journal.commit(decided, Ends::default()).await.unwrap();
    journal.close().await;
}

fn overwrite(home: &Path, at: u64, bytes: &[u8]) {
    let path = home.join(FILE_NAME);
    let mut file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(bytes).unwrap();
}

#[tokio::test]
async fn a_hole_in_the_middle_costs_only_the_rows_in_it() {
    let home = tempfile::tempdir().unwrap();
    fill(home.path(), 400).await;
    let size = std::fs::metadata(home.path().join(FILE_NAME))
        .unwrap()
        .len();
    overwrite(home.path(), size / 2 / 4096 * 4096, &[0x5a; 8192]);

    let journal = open(home.path());
    let salvaged = journal.salvaged().expect("the damage is noticed").clone();
    assert!(salvaged.kept.exists(), "the damaged file is kept");
    assert_eq!(std::fs::metadata(&salvaged.kept).unwrap().len(), size);
    let events = salvaged
        .rows
        .iter()
        .find(|(table, _)| *table == "events")
        .unwrap()
        .1;
    assert!((300..400).contains(&events), "{salvaged}");
    assert!(salvaged.gaps > 0);
    let reader = journal.reader().unwrap();
    assert_eq!(reader.event(1).unwrap().unwrap().content, event("1"));
    assert_eq!(reader.event(400).unwrap().unwrap().content, event("400"));
    assert_eq!(reader.open_actions(0, 10).unwrap().len(), 1);
    let Ok(Appended::Stored(id)) = journal.append(event("new"), vec![], None).await else {
        panic!("the salvaged journal takes events");
    };
    assert!(id > 400, "lost ids are not given out again");
    journal.close().await;
    assert!(open(home.path()).salvaged().is_none(), "once is enough");
}

#[tokio::test]
async fn a_destroyed_file_header_is_mended() {
    let home = tempfile::tempdir().unwrap();
    fill(home.path(), 50).await;
    overwrite(home.path(), 0, &[0; 100]);
    let journal = open(home.path());
    let salvaged = journal.salvaged().expect("the damage is noticed");
    assert!(salvaged.rows.contains(&("events", 50)), "{salvaged}");
}

#[tokio::test]
async fn a_file_that_is_no_database_at_all_is_kept_and_said() {
    let home = tempfile::tempdir().unwrap();
    let garbage = "not a database ".repeat(1000);
    std::fs::write(home.path().join(FILE_NAME), &garbage).unwrap();
    let journal = open(home.path());
    let salvaged = journal.salvaged().expect("the damage is noticed");
    assert_eq!(std::fs::read_to_string(&salvaged.kept).unwrap(), garbage);
    assert!(salvaged.to_string().contains("0 events"), "{salvaged}");
}

#[tokio::test]
async fn a_truncated_file_gives_back_what_is_left() {
    let home = tempfile::tempdir().unwrap();
    fill(home.path(), 400).await;
    let path = home.path().join(FILE_NAME);
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(file.metadata().unwrap().len() * 2 / 3)
        .unwrap();
    let journal = open(home.path());
    let salvaged = journal.salvaged().expect("the damage is noticed");
    let events = salvaged
        .rows
        .iter()
        .find(|(table, _)| *table == "events")
        .unwrap()
        .1;
    assert!(events > 100, "{salvaged}");
}
