//! Days of the week, as scripts write them: `["mon", "tue"]`, `"weekdays"`, `"weekends"`.

use super::Mistake;
use jiff::civil::Weekday;
use porchlight_core::diagnostic::nearest;

const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// The words that stand for several days.
const GROUPS: [(&str, u8); 2] = [("weekdays", 0b001_1111), ("weekends", 0b110_0000)];

/// A set of days of the week that is never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days(u8);

impl Default for Days {
    /// Every day.
    fn default() -> Self {
        Self(0b111_1111)
    }
}

impl Days {
    /// Reads names of days: `mon`, `Monday`, `weekdays`, `weekends`.
    ///
    /// # Errors
    /// One of them is no day, or there is none.
    pub fn parse(names: &[&str]) -> Result<Self, Mistake> {
        let mut days = 0;
        for name in names {
            days |= bits(name)?;
        }
        if days == 0 {
            let message = "`days` names no day, so this would never come";
            return Err(Mistake::new(message, "leave `days` out for every day"));
        }
        Ok(Self(days))
    }

    pub(super) fn contains(self, day: Weekday) -> bool {
        self.0 & (1 << day.to_monday_zero_offset()) != 0
    }
}

fn bits(name: &str) -> Result<u8, Mistake> {
    let lower = name.trim().to_ascii_lowercase();
    let full = [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    let one = (0..7).find(|index| lower == NAMES[*index] || lower == full[*index]);
    let group = GROUPS.iter().find(|(word, _)| *word == lower);
    if let Some(bits) = one.map(|index| 1 << index).or(group.map(|(_, bits)| *bits)) {
        return Ok(bits);
    }
    let known = NAMES.into_iter().chain(full);
    let known = known.chain(GROUPS.iter().map(|(word, _)| *word));
    let help = match nearest(&lower, known) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("the days are {}, weekdays and weekends", NAMES.join(", ")),
    };
    Err(Mistake::new(format!("there is no day `{name}`"), help))
}
