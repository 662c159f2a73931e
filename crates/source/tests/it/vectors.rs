//! Requests of sixty senders, from their published examples and from hostile hands: every one must
//! be decided right, every handshake answered, every repetition recognised.

use porchlight_source::vectors;

const VECTORS: &str = include_str!("../../../verify/tests/vectors/signatures.json");

#[tokio::test]
async fn every_vector_handshake_and_sequence_goes_as_the_file_says() {
    let report = vectors::run(VECTORS).await.unwrap();
    let wrong = &report.disagreements;
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert_eq!(report.passed, 429 + 10 + 7);
}

#[tokio::test]
async fn a_vector_that_is_decided_otherwise_is_told_by_its_name() {
    let mut file: serde_json::Value = serde_json::from_str(VECTORS).unwrap();
    file["vectors"][0]["expect"] = "reject".into();
    file["challenges"] = serde_json::json!([]);
    file["sequences"][0]["steps"][1]["expect"] = "accept".into();
    let report = vectors::run(&file.to_string()).await.unwrap();
    assert_eq!(report.disagreements.len(), 2, "{:?}", report.disagreements);
    let name = file["vectors"][0]["name"].as_str().unwrap();
    assert!(report.disagreements[0].contains(name));
    assert!(report.disagreements[1].contains("step 2 is duplicate"));
    assert!(vectors::run("{}").await.is_err());
}
