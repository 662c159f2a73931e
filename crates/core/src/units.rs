//! Sizes and times as people write them: `16 MiB`, `64kB`, `30s`, `5m`, `1h 30m`, `7d`.
//!
//! A number without a unit is refused: nobody remembers whether a bare `30` means seconds.

use std::time::Duration;

/// Reads a span of time: whole or decimal numbers with `ms`, `s`, `m`, `h`, `d` or `w`, added up.
///
/// # Errors
/// A sentence that says what was expected.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let units = [
        ("ms", 1.0),
        ("s", 1e3),
        ("m", 60e3),
        ("h", 3600e3),
        ("d", 86_400e3),
        ("w", 604_800e3),
    ];
    let millis = sum(text, &units).ok_or_else(|| {
        format!("`{text}` is no length of time; write a number with ms, s, m, h, d or w, such as \"30s\" or \"1h 30m\"")
    })?;
    if millis > 3.2e12 {
        return Err(format!("`{text}` is longer than a hundred years"));
    }
    Ok(Duration::from_micros((millis * 1e3).round() as u64))
}

/// Reads a size in bytes: whole or decimal numbers with `B`, `kB`, `MB`, `GB`, `KiB`, `MiB` or `GiB`.
///
/// # Errors
/// A sentence that says what was expected.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let units = [
        ("B", 1.0),
        ("kB", 1e3),
        ("KB", 1e3),
        ("MB", 1e6),
        ("GB", 1e9),
        ("TB", 1e12),
        ("KiB", 1024.0),
        ("MiB", 1_048_576.0),
        ("GiB", 1_073_741_824.0),
        ("TiB", 1_099_511_627_776.0),
    ];
    let bytes = sum(text, &units)
        .ok_or_else(|| format!("`{text}` is no size; write a number with B, kB, MB, GB, KiB, MiB or GiB, such as \"16MiB\""))?;
    if bytes > 9e15 {
        return Err(format!("`{text}` is larger than any disk"));
    }
    Ok(bytes.round() as u64)
}

/// A size with three digits in the unit that keeps it short: `512 B`, `3.2 MiB`, `10 GiB`.
pub fn format_size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let (mut size, mut unit) = (bytes as f64 / 1024.0, UNITS[0]);
    for larger in &UNITS[1..] {
        // What would be rounded to 1024 of a unit is one of the next.
        if size < 1023.5 {
            break;
        }
        (size, unit) = (size / 1024.0, larger);
    }
    let digits = if size < 9.995 {
        2
    } else {
        usize::from(size < 99.95)
    };
    let shown = format!("{size:.digits$}");
    let shown = if shown.contains('.') {
        shown.trim_end_matches('0').trim_end_matches('.')
    } else {
        &shown
    };
    format!("{shown} {unit}")
}

/// A span of time in the largest units that keep it short: `340 µs`, `4.2 ms`, `3m`, `1h 30m`.
pub fn format_duration(duration: Duration) -> String {
    let micros = duration.as_micros();
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..10_000 => format!("{:.1} ms", micros as f64 / 1e3),
        10_000..1_000_000 => format!("{} ms", micros / 1_000),
        1_000_000..60_000_000 => trim_zero(format!("{:.1}", micros as f64 / 1e6)) + "s",
        _ => {
            let seconds = duration.as_secs();
            let parts = [
                (seconds / 86_400, "d"),
                (seconds / 3600 % 24, "h"),
                (seconds / 60 % 60, "m"),
                (seconds % 60, "s"),
            ];
            let shown: Vec<String> = parts
                .iter()
                .filter(|(n, _)| *n > 0)
                .take(2)
                .map(|(n, unit)| format!("{n}{unit}"))
                .collect();
            shown.join(" ")
        }
    }
}

fn trim_zero(text: String) -> String {
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// Adds up `number unit` pairs; `None` when the text is not made of these.
fn sum(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let mut rest = text.trim();
    let mut total = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().ok()?;
        rest = rest[digits..].trim_start();
        let letters = rest
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(rest.len());
        let factor = units.iter().find(|(unit, _)| *unit == &rest[..letters])?.1;
        total += number * factor;
        rest = rest[letters..].trim_start();
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_need_units() {
        assert_eq!(parse_duration("1h 30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration(" 1.5 s "), Ok(Duration::from_millis(1500)));
        assert_eq!(parse_size("16MiB"), Ok(16 << 20));
        assert_eq!(parse_size("1.5 kB"), Ok(1500));
        for wrong in ["", "30", "s", "-5m", "5 parsecs", "1e3s", "..s", "5m5"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "16", "MiB", "16 mib", "99999999999TiB"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_print_short() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (1 << 20, "1 MiB"),
            ((1 << 20) - 1, "1 MiB"),
            (3_355_443, "3.2 MiB"),
            (10 << 30, "10 GiB"),
            (105_226_698, "100 MiB"),
            (1000 << 20, "1000 MiB"),
            (5_000_000_000_000, "4.55 TiB"),
        ] {
            assert_eq!(format_size(bytes), text);
        }
    }

    #[test]
    fn durations_print_short() {
        for (micros, text) in [
            (340, "340 µs"),
            (4_200, "4.2 ms"),
            (21_000, "21 ms"),
            (3_000_000, "3s"),
            (5_400_000_000, "1h 30m"),
            (300_000_000, "5m"),
        ] {
            assert_eq!(format_duration(Duration::from_micros(micros)), text);
        }
    }
}
