//! A process killed under load has lost nothing that it acknowledged.

use crate::support::{claim, event, open};
use porchlight_journal::{Appended, Journal, Options, Reader};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

const HOME: &str = "PORCHLIGHT_TEST_KILL_HOME";

/// Not a test: the body of the child process, which appends until it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Ok(home) = std::env::var(HOME) else {
        return;
    };
    let journal = Journal::open(Path::new(&home), Options::default()).unwrap();
    let workers: Vec<_> = (0..16)
        .map(|worker| {
            let journal = journal.clone();
            tokio::spawn(async move {
                for n in 0.. {
                    let text = format!("{worker}-{n}");
                    let stored = journal.append(event(&text), vec![], claim(&text)).await;
                    let Ok(Appended::Stored(id)) = stored else {
                        return;
                    };
                    writeln!(std::io::stdout(), "{id} {text}").unwrap();
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
}

#[tokio::test]
async fn a_process_killed_under_load_has_lost_nothing_that_it_acknowledged() {
    for kill_after in [1, 300, 2000] {
        let home = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::child", "--nocapture"])
            .env(HOME, home.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut acknowledged = Vec::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        // What it managed to say before it died counts too; its last line may be torn.
        while output.read_line(&mut line).unwrap() > 0 {
            let said = line
                .strip_suffix('\n')
                .and_then(|line| line.split_once(' '));
            if let Some((Ok(id), text)) = said.map(|(id, text)| (id.parse::<u64>(), text)) {
                acknowledged.push((id, text.to_owned()));
            }
            if acknowledged.len() == kill_after {
                child.kill().unwrap();
            }
            line.clear();
        }
        child.wait().unwrap();
        assert!(acknowledged.len() >= kill_after);

        let journal = open(home.path());
        assert!(journal.salvaged().is_none());
        let reader = Reader::open(home.path()).unwrap();
        for (id, text) in &acknowledged {
            let found = reader.event(*id).unwrap();
            let key = found.map(|event| event.content.dedup_key);
            assert_eq!(key, Some(format!("sha256:{text}")), "event {id}");
        }
    }
}
