//! A journal of an older version is brought up to date; a newer one is left alone.

use crate::support::{event, open};
use porchlight_journal::{Appended, FILE_NAME, Journal, OpenError, Options, ReadError, Reader};
use std::path::Path;

/// The schema as version 1 had it, with one pending event. Kept as it was, whatever becomes of
/// the program.
const VERSION_1: &str = r#"
    CREATE TABLE events(id INTEGER PRIMARY KEY, received INTEGER NOT NULL, pending INTEGER NOT NULL,
        claim_expires INTEGER, claim BLOB, source TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT,
        time TEXT NOT NULL, dedup_key TEXT NOT NULL, rest TEXT NOT NULL, facts TEXT NOT NULL,
        data BLOB NOT NULL);
    CREATE TABLE runs(id INTEGER PRIMARY KEY, event INTEGER NOT NULL, started INTEGER NOT NULL,
        outcome TEXT NOT NULL, script TEXT NOT NULL, handler TEXT NOT NULL,
        script_hash TEXT NOT NULL, line INTEGER NOT NULL, col INTEGER NOT NULL, path TEXT NOT NULL,
        title TEXT NOT NULL, duration_us INTEGER NOT NULL, first_action INTEGER NOT NULL,
        actions INTEGER NOT NULL, detail TEXT NOT NULL);
    CREATE UNIQUE INDEX runs_once ON runs(event, script, handler);
    CREATE TABLE actions(id INTEGER PRIMARY KEY, run INTEGER NOT NULL, status INTEGER NOT NULL,
        attempts INTEGER NOT NULL, not_before INTEGER NOT NULL, expires INTEGER NOT NULL,
        settled INTEGER, retries INTEGER NOT NULL, kind TEXT NOT NULL, lane TEXT NOT NULL,
        key TEXT NOT NULL, title TEXT NOT NULL, args TEXT NOT NULL, result TEXT);
    CREATE TABLE waits(id INTEGER PRIMARY KEY AUTOINCREMENT, run INTEGER NOT NULL,
        event INTEGER NOT NULL, due INTEGER NOT NULL, script TEXT NOT NULL,
        script_hash TEXT NOT NULL, function TEXT NOT NULL, arguments TEXT NOT NULL,
        title TEXT NOT NULL, line INTEGER NOT NULL, depth INTEGER NOT NULL);
    CREATE TABLE state(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    INSERT INTO events VALUES(7, 1780000000000, 1, NULL, NULL, 'gate', 'test.event', NULL, '', '',
        '{"verified":{"scheme":"none","secret":null,"body":false,"certificate":null}}', '{}', X'31');
    INSERT INTO state VALUES('n', '5');
    PRAGMA user_version = 1;"#;

fn old_journal(home: &Path, sql: &str) {
    let file = rusqlite::Connection::open(home.join(FILE_NAME)).unwrap();
    file.execute_batch(sql).unwrap();
}

#[tokio::test]
async fn a_journal_of_version_1_is_brought_up_to_date_with_its_rows() {
    let home = tempfile::tempdir().unwrap();
    old_journal(home.path(), VERSION_1);
    let journal = open(home.path());
    let reader = journal.reader().unwrap();
    assert_eq!(reader.pending_events(0, 10).unwrap()[0].source, "gate");
    assert_eq!(reader.state().unwrap()[0].0, "n");
    assert_eq!(
        reader.script("none").unwrap(),
        None,
        "the new tables are there"
    );
    let next = journal.append(event("a"), vec![], None).await;
    assert_eq!(next, Ok(Appended::Stored(8)));
}

#[tokio::test]
async fn a_journal_of_a_newer_version_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    old_journal(
        home.path(),
        "PRAGMA user_version = 99; CREATE TABLE future(x);",
    );
    let refused = Journal::open(home.path(), Options::default()).unwrap_err();
    assert!(matches!(refused, OpenError::Newer { found: 99, .. }));
    assert!(
        refused.to_string().contains("newer porchlight"),
        "{refused}"
    );
    let refused = Reader::open(home.path()).err().unwrap();
    assert!(matches!(refused, ReadError::Newer { found: 99 }));
}
