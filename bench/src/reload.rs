//! How long a save takes to be live, alone and among a thousand scripts.
//!
//! From the write of the file to the word of the host that the new version is live: the watcher,
//! the compiler, the index over all scripts, the journal and the dispatcher are in it.

use crate::receiver::{Kind, Receiver, pause};
use crate::report::{millis, table};
use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// How many scripts there are, beside the one that counts events.
const OTHERS: [usize; 3] = [1, 100, 1_000];
/// Saves measured for each.
const SAVES: usize = 21;
/// Longer than this, and it is no reload.
const DEADLINE: Duration = Duration::from_secs(30);
/// Between saves: longer than the watcher collects, so that each is a batch of its own.
const REST: Duration = Duration::from_millis(250);

/// Measures and prints; does nothing where Porchlight is not there.
pub fn measure(porchlight: &Path, place: &Path) -> Result<(), Box<dyn Error>> {
    let mut rows = vec![vec![
        "save to live, scripts".to_owned(),
        "min ms".to_owned(),
        "median ms".to_owned(),
        "max ms".to_owned(),
        "idle MB".to_owned(),
    ]];
    for others in OTHERS {
        let receiver = Receiver::start(Kind::Porchlight, porchlight, place)?;
        let scripts = receiver.folder().join("scripts");
        for number in 0..others {
            fs::write(scripts.join(format!("s{number}.rhai")), script(number, 0))?;
        }
        await_said(&receiver, " loaded s", others)?;
        let mut times = Vec::new();
        for save in 1..=SAVES {
            pause(REST);
            let begun = Instant::now();
            fs::write(scripts.join("s0.rhai"), script(0, save))?;
            await_said(&receiver, "reloaded s0.rhai", save)?;
            times.push(begun.elapsed());
        }
        times.sort_unstable();
        rows.push(vec![
            others.to_string(),
            millis(times[0]),
            millis(times[SAVES / 2]),
            millis(times[SAVES - 1]),
            format!("{:.1}", receiver.memory() as f64 / 1024.0),
        ]);
    }
    println!("{}", table(&rows));
    Ok(())
}

fn await_said(receiver: &Receiver, words: &str, times: usize) -> Result<(), Box<dyn Error>> {
    let begun = Instant::now();
    let log = receiver.folder().join("log");
    loop {
        let text = fs::read_to_string(&log)?;
        // A sentence may stand at the beginning of its line.
        let said = format!("\n{text}").replace('\n', "\n ");
        if said.matches(words).count() >= times {
            return Ok(());
        }
        if begun.elapsed() > DEADLINE {
            return Err(format!("{words:?} was not said {times} times\n{text}").into());
        }
        pause(Duration::from_micros(200));
    }
}

/// A script as people write them; another save of it says something else.
fn script(number: usize, save: usize) -> String {
    format!(
        r#"//! Number {number}, save {save}.

let family = setting("family", ["ABC123", "XYZ789"], "Plates that open the gate");

on("vendor{number}.recognition", |event| {{
    for seen in event.facts.plates {{
        if seen.text in family {{
            http::send("http://gate.lan/open");
        }} else {{
            sheet::append("visitors.csv", [event.time, seen.text, seen.score]);
        }}
    }}
}});

on("vendor{number}.alert.*", |event| log::info(`${{event.data.text}} {save}`));
"#
    )
}
