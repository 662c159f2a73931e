//! What scripts can do, seen from outside: the files that they write and the calls that they make.

use super::fake::Fake;
use super::house::{House, eventually, gate_config};

#[test]
fn a_run_leaves_a_record_of_what_it_did_where_and_how_long() {
    let script = "//! A test.\non(\"gate.*\", |event| {\n  log::info(`seen ${event.data.n}`);\n  file::save(\"a.txt\", \"x\");\n});\n";
    let house = House::start(&gate_config(), &[("a.rhai", script)]);
    let event = house.post_ok("{\"type\":\"opened\",\"n\":7}");
    let run = house.wait_for_runs(1).remove(0);
    assert_eq!(run["event"], event);
    assert_eq!(run["place"]["path"], "a.rhai");
    assert_eq!(run["place"]["line"], 2);
    assert_eq!(run["outcome"]["outcome"], "ok");
    assert_eq!(run["logs"][0]["message"], "seen 7");
    assert_eq!(run["logs"][0]["line"], 3);
    assert_eq!(run["actions"], 1);
    assert_eq!(run["script_hash"].as_str().map(str::len), Some(64));
    assert!(run["duration_us"].as_u64().is_some());
}

#[test]
fn a_mistake_at_run_time_is_recorded_with_its_place_and_what_was_told_before_stands() {
    let script = "on(\"gate.*\", |event| {\n  file::save(\"before.txt\", \"x\");\n  let x = event.data.missing.deeper;\n});";
    let house = House::start(&gate_config(), &[("a.rhai", script)]);
    house.post_ok("{\"type\":\"opened\"}");
    let run = house.wait_for_runs(1).remove(0);
    assert_eq!(run["outcome"]["outcome"], "error");
    assert_eq!(run["outcome"]["place"]["line"], 3);
    house.wait_for_done(1);
    assert_eq!(house.file("before.txt").as_deref(), Some("x"));
}

#[test]
fn state_counts_across_scripts_and_restarts() {
    let add = "on(\"gate.*\", |event| { state::add(\"visits\", 1); });";
    let show =
        "on(\"gate.ask\", |event| { file::save(\"visits.txt\", `${state::get(\"visits\")}`); });";
    let mut house = House::start(&gate_config(), &[("one.rhai", add), ("two.rhai", add)]);
    for n in 0..25 {
        house.post_ok(&format!("{{\"type\":\"opened\",\"n\":{n}}}"));
    }
    house.wait_for_runs(50);
    house.kill();
    house.write_script("show.rhai", show);
    house.write_script("one.rhai", "on(\"never\", |event| {});");
    house.write_script("two.rhai", "on(\"never\", |event| {});");
    house.restart();
    house.post_ok("{\"type\":\"ask\"}");
    assert_eq!(
        eventually("the count is shown", || house.file("visits.txt")),
        "50"
    );
}

#[test]
fn scripts_of_one_file_run_one_after_the_other_and_different_files_in_parallel() {
    let fake = Fake::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    let script = |name: &str| {
        format!(
            "on(\"gate.*\", |event| {{ file::append(\"{name}.txt\", `begin ${{event.data.n}}` + \"\\n\"); http::get(\"{}/{name}\"); file::append(\"{name}.txt\", `end ${{event.data.n}}` + \"\\n\"); }});",
            fake.url()
        )
    };
    let house = House::start(
        &gate_config(),
        &[("a.rhai", &script("a")), ("b.rhai", &script("b"))],
    );
    for n in 0..10 {
        house.post_ok(&format!("{{\"type\":\"opened\",\"n\":{n}}}"));
    }
    let wanted: String = (0..10).map(|n| format!("begin {n}\nend {n}\n")).collect();
    for name in ["a.txt", "b.txt"] {
        let text = eventually(name, || {
            house.file(name).filter(|text| text.lines().count() == 20)
        });
        assert_eq!(text, wanted);
    }
}

#[test]
fn an_emitted_event_reaches_other_scripts() {
    let emit = "on(\"gate.*\", |event| { emit(\"house.visitor\", #{ who: event.data.who }); });";
    let take = "on(\"house.*\", |event| { file::save(\"who.txt\", event.data.who); });";
    let house = House::start(&gate_config(), &[("emit.rhai", emit), ("take.rhai", take)]);
    house.post_ok("{\"type\":\"opened\",\"who\":\"Eve\"}");
    assert_eq!(eventually("it arrives", || house.file("who.txt")), "Eve");
    let events = house.events();
    assert_eq!(events[1]["type"], "house.visitor");
    assert_eq!(events[1]["source"], "script:emit");
}

#[test]
fn filters_and_age_decide_whether_a_handler_runs_and_a_skip_is_recorded() {
    let script = "on(\"gate.*\", #{ where: #{ \"data.door\": \"front\" } }, |event| { file::append(\"front.txt\", `${event.data.n}` + \"\\n\"); });";
    let house = House::start(&gate_config(), &[("a.rhai", script)]);
    house.post_ok("{\"type\":\"opened\",\"door\":\"back\",\"n\":1}");
    house.post_ok("{\"type\":\"opened\",\"door\":\"front\",\"n\":2}");
    let runs = house.wait_for_runs(2);
    assert_eq!(runs[0]["outcome"]["outcome"], "skipped");
    assert_eq!(runs[0]["outcome"]["reason"], "filter");
    assert_eq!(
        eventually("the front door", || house.file("front.txt")),
        "2\n"
    );
}

#[test]
fn a_told_call_is_retried_until_it_is_taken_and_a_refused_one_is_dead_and_can_be_retried_by_hand() {
    let fake = Fake::start();
    let script = format!(
        "on(\"gate.*\", |event| {{ http::send(\"{}/x\", #{{ json: #{{ n: event.data.n }} }}); }});",
        fake.url()
    );
    let house = House::start(&gate_config(), &[("a.rhai", &script)]);
    fake.answer_next("HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n");
    house.post_ok("{\"type\":\"opened\",\"n\":1}");
    let done = house.wait_for_done(1);
    assert_eq!(done[0]["attempts"], 2);
    fake.answer_next("HTTP/1.1 422 No\r\nContent-Length: 0\r\n\r\n");
    house.post_ok("{\"type\":\"opened\",\"n\":2}");
    let dead = eventually("it is dead", || {
        house
            .actions()
            .into_iter()
            .find(|action| action["status"] == "dead")
    });
    let id = dead["id"].to_string();
    assert!(
        house
            .porchlight(&["actions", "retry", &id])
            .status
            .success()
    );
    house.wait_for_done(2);
    assert_eq!(fake.asked().len(), 4);
}

#[test]
fn a_thousand_actions_to_one_target_keep_their_order() {
    let fake = Fake::start();
    let script = format!(
        "on(\"gate.*\", |event| {{ for i in 0..50 {{ http::send(\"{}/x\", #{{ json: #{{ n: event.data.n * 50 + i }} }}); }} }});",
        fake.url()
    );
    let house = House::start(&gate_config(), &[("a.rhai", &script)]);
    for n in 0..20 {
        house.post_ok(&format!("{{\"type\":\"opened\",\"n\":{n}}}"));
    }
    let asked = fake.wait_for(1000);
    let order: Vec<i64> = asked
        .iter()
        .filter_map(|asked| asked.json()["n"].as_i64())
        .collect();
    assert_eq!(order, (0..1000).collect::<Vec<_>>());
}

#[test]
fn a_command_gets_json_and_only_named_ones_can_be_started() {
    let config = format!(
        "{}[command.note]\nargv = [\"/bin/sh\", \"-c\", \"cat > note.json\"]\ndir = \"data\"\n",
        gate_config()
    );
    let script = "on(\"gate.opened\", |event| { command::start(\"note\", #{ n: event.data.n }); });\non(\"gate.bad\", |event| { command::start(\"rm\", #{}); });";
    let house = House::start(&config, &[("a.rhai", script)]);
    house.post_ok("{\"type\":\"opened\",\"n\":3}");
    house.wait_for_done(1);
    let note = std::fs::read_to_string(house.path().join("data/note.json")).expect("the note");
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&note).expect("JSON")["n"],
        3
    );
    house.post_ok("{\"type\":\"bad\"}");
    eventually("it is refused", || {
        let refused = house
            .actions()
            .into_iter()
            .any(|action| action["status"] == "dead");
        let failed = house
            .runs()
            .into_iter()
            .any(|run| run["outcome"]["outcome"] == "error");
        (refused || failed).then_some(())
    });
}

#[test]
fn a_row_goes_into_a_spreadsheet_as_typed_cells_and_never_as_a_formula() {
    let script = "on(\"gate.*\", |event| { sheet::append(\"log.csv\", [event.data.text, event.data.n]); sheet::append(\"log.xlsx\", [event.data.text, event.data.n]); });";
    let house = House::start(&gate_config(), &[("a.rhai", script)]);
    house.post_ok("{\"type\":\"opened\",\"text\":\"=1+1\",\"n\":42}");
    house.post_ok("{\"type\":\"opened\",\"text\":\"00123\",\"n\":1.5}");
    house.wait_for_done(4);
    let csv = house.file("log.csv").expect("a csv file");
    assert!(
        csv.contains("'=1+1,42") && csv.contains("00123,1.5"),
        "{csv}"
    );
    let book = std::fs::File::open(house.path().join("data/files/log.xlsx")).expect("a workbook");
    let mut book = zip::ZipArchive::new(book).expect("a zip file");
    let mut sheet = String::new();
    std::io::Read::read_to_string(
        &mut book.by_name("xl/worksheets/sheet1.xml").expect("a sheet"),
        &mut sheet,
    )
    .expect("text");
    assert!(!sheet.contains("<f>"), "a formula: {sheet}");
    assert!(
        sheet.contains("=1+1") && sheet.contains("<v>42</v>"),
        "{sheet}"
    );
}

#[test]
fn a_row_as_a_map_fills_the_columns_of_its_headers_and_may_leave_some_out() {
    let script = "on(\"gate.*\", |event| { sheet::append(\"log.csv\", event.data.row); });";
    let house = House::start(&gate_config(), &[("a.rhai", script)]);
    house.post_ok("{\"type\":\"opened\",\"row\":{\"plate\":\"ABC123\",\"door\":\"front\"}}");
    house.wait_for_done(1);
    house.post_ok("{\"type\":\"opened\",\"row\":{\"plate\":\"XYZ789\"}}");
    house.wait_for_done(2);
    let csv = house.file("log.csv").expect("a csv file");
    let rows: Vec<&str> = csv.trim_start_matches('\u{feff}').lines().collect();
    assert_eq!(rows, ["door,plate", "front,ABC123", ",XYZ789"]);
}
