//! Where tickets are opened: `[ticket.NAME]`.

use super::{Driver, Kind, optional, secret, text};

pub(super) const TICKET: Kind = Kind {
    name: "ticket",
    choice: Some("service"),
    drivers: &[
        Driver {
            name: "redmine",
            keys: &[
                text("url", "\"https://redmine.lan\""),
                secret("key", "{ env = \"REDMINE_KEY\" }"),
                text("project", "\"gate\""),
            ],
        },
        Driver {
            name: "github",
            keys: &[
                text("repository", "\"house/alarms\""),
                secret("token", "{ env = \"GITHUB_TOKEN\" }"),
                optional("url"),
            ],
        },
        Driver {
            name: "gitlab",
            keys: &[
                text("project", "\"42\""),
                secret("token", "{ env = \"GITLAB_TOKEN\" }"),
                optional("url"),
            ],
        },
        Driver {
            name: "jira",
            keys: &[
                text("url", "\"https://house.atlassian.net\""),
                secret("token", "{ env = \"JIRA_TOKEN\" }"),
                text("project", "\"GATE\""),
                optional("user"),
                optional("issue"),
            ],
        },
        Driver {
            name: "zendesk",
            keys: &[
                text("url", "\"https://house.zendesk.com\""),
                text("user", "\"me@house.example\""),
                secret("token", "{ env = \"ZENDESK_TOKEN\" }"),
            ],
        },
    ],
};
