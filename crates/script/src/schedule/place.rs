//! Where the home is: what wall clocks show there, and where the sun stands.
//!
//! Zones are looked up in the system's own database, so that a government's new law arrives with
//! the system's updates and not with ours.

use jiff::tz::TimeZone;
use porchlight_core::diagnostic::nearest;

/// Where the home is.
#[derive(Debug, Clone, PartialEq)]
pub struct HomePlace {
    /// Latitude and longitude, when they are known.
    pub position: Option<Position>,
    /// Whose wall clock counts.
    pub time_zone: Zone,
}

/// Whose wall clock counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Zone {
    /// The system's; UTC when that says nothing. Looked up when a schedule first asks for it: the
    /// names of all zones are read from disk for that, which a home without schedules need not do.
    System,
    /// This one.
    Named(TimeZone),
}

impl Default for HomePlace {
    /// UTC, and no position: the same on every machine.
    fn default() -> Self {
        Self {
            position: None,
            time_zone: Zone::Named(TimeZone::UTC),
        }
    }
}

impl HomePlace {
    /// The zone whose wall clock counts.
    pub fn zone(&self) -> TimeZone {
        match &self.time_zone {
            Zone::System => TimeZone::try_system().unwrap_or(TimeZone::UTC),
            Zone::Named(zone) => zone.clone(),
        }
    }
}

/// A place on the earth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Position {
    latitude: f64,
    longitude: f64,
}

impl Position {
    /// Degrees, positive to the north and to the east; `None` outside -90 to 90 and -180 to 180.
    pub fn new(latitude: f64, longitude: f64) -> Option<Self> {
        let fits = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
        fits.then_some(Self {
            latitude,
            longitude,
        })
    }

    /// Degrees from -90 to 90, positive to the north.
    pub fn latitude(self) -> f64 {
        self.latitude
    }

    /// Degrees from -180 to 180, positive to the east.
    pub fn longitude(self) -> f64 {
        self.longitude
    }
}

/// A name that is no time zone of this system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownZone {
    /// What to do about it.
    pub help: String,
}

/// The zone of this name: `Europe/Paris`.
///
/// # Errors
/// The system's database has no such zone; the nearest name is suggested.
pub fn time_zone(name: &str) -> Result<TimeZone, UnknownZone> {
    if let Ok(zone) = TimeZone::get(name) {
        return Ok(zone);
    }
    let known: Vec<String> = jiff::tz::db()
        .available()
        .map(|zone| zone.as_str().to_owned())
        .collect();
    let wanted = name.trim().replace(' ', "_");
    let near = nearest(&wanted, known.iter().map(String::as_str)).or_else(|| {
        // Most people know the city and not the continent.
        let city = nearest(last(&wanted), known.iter().map(|zone| last(zone)))?;
        known
            .iter()
            .map(String::as_str)
            .find(|zone| last(zone) == city)
    });
    Err(UnknownZone {
        help: match near {
            _ if known.len() < 10 => {
                "this system has no time zone database; install the package tzdata".to_owned()
            }
            Some(near) => format!("did you mean \"{near}\"?"),
            None => "write it like \"Europe/Paris\" or \"America/New_York\"".to_owned(),
        },
    })
}

/// The part of a zone's name behind the continent.
fn last(zone: &str) -> &str {
    zone.rsplit('/').next().unwrap_or(zone)
}
