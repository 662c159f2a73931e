//! What a preset tells people: which kind of sender it is, and what the sender expects of whoever
//! receives. None of it changes how a delivery is decided; lists and the documentation show it.

use porchlight_core::units::parse_duration;
use serde::Deserialize;
use std::time::Duration;

/// What kind of sender it is; lists show the groups in this order, the generic ones last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// Cameras, doors, alarms and the systems that record them.
    Camera,
    /// Things and services around the house.
    Home,
    /// Repositories, builds, deployments.
    Developer,
    /// What watches machines and calls people.
    Monitoring,
    /// Chat, mail, telephone, forms.
    Messages,
    /// Shops, subscriptions, invoices.
    Payments,
    /// Offices: customers, documents, tickets, calendars.
    Business,
    /// Any sender that proves itself in this way.
    Generic,
}

impl Group {
    /// Every group, in the order of lists.
    pub const ALL: [Self; 8] = [
        Self::Camera,
        Self::Home,
        Self::Developer,
        Self::Monitoring,
        Self::Messages,
        Self::Payments,
        Self::Business,
        Self::Generic,
    ];

    /// What people call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Camera => "cameras and doors",
            Self::Home => "the house",
            Self::Developer => "repositories and builds",
            Self::Monitoring => "monitoring",
            Self::Messages => "messages and mail",
            Self::Payments => "shops and payments",
            Self::Business => "offices",
            Self::Generic => "any other sender",
        }
    }
}

/// What the sender expects of the receiver: the `[contract]` table. Everything may be unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contract {
    /// Which answers count as delivered: `200 or 202`, `2xx`.
    pub success: Option<String>,
    /// How soon it wants its answer.
    pub respond_within: Option<Duration>,
    /// What it does otherwise: `two more tries, 30 s apart; none after 400`.
    pub retries: Option<String>,
}

/// The table as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawContract {
    success: Option<String>,
    respond_within: Option<String>,
    retries: Option<String>,
}

impl TryFrom<RawContract> for Contract {
    type Error = String;

    fn try_from(raw: RawContract) -> Result<Self, String> {
        let within = raw.respond_within.map(|text| {
            parse_duration(&text).map_err(|problem| format!("`respond_within`: {problem}"))
        });
        Ok(Self {
            success: raw.success,
            respond_within: within.transpose()?,
            retries: raw.retries,
        })
    }
}
