//! What a run asked is kept with it, for replays.

use crate::support::{event, open, run};
use porchlight_core::{ActionError, Asked};
use porchlight_journal::{Ends, Filter};
use serde_json::json;

#[tokio::test]
async fn questions_and_answers_come_back_as_they_were() {
    let home = tempfile::tempdir().unwrap();
    let journal = open(home.path());
    journal.append(event("a"), vec![], None).await.unwrap();
    let mut asks = run(1, "gate.rhai", "0");
    let asked = |answer, error| Asked {
        kind: "http.request".into(),
        question: "0123".into(),
        answer,
        error,
    };
    asks.asked = vec![
        asked(Some(json!({ "status": 200, "json": null })), None),
        asked(None, Some(ActionError::later("timeout", "no answer"))),
        asked(None, None),
    ];
    let kept = asks.asked.clone();
    journal.commit(asks, Ends::default()).await.unwrap();
    let reader = journal.reader().unwrap();
    let runs = reader.runs(&Filter::default()).unwrap();
    assert_eq!(runs[0].asked, kept);
    journal.close().await;
}
