//! Where the host listens: free, or served by it, or somebody else's.

use super::Finding;
use crate::config::{Address, Config};
use crate::home::Home;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

const AREA: &str = "port";

/// Looks at each address of `[server]`.
pub(super) fn look(home: &Home, config: &Config) -> Vec<Finding> {
    let running = porchlight_journal::is_in_use(&home.data());
    let plain = config.server.listen.iter().filter_map(|one| match one {
        Address::Tcp(address) => Some(*address),
        Address::Unix(_) => None,
    });
    let tls = config.server.tls_addresses(config.server.plain_address());
    plain
        .chain(tls)
        .map(|address| one(address, running))
        .collect()
}

fn one(address: SocketAddr, running: bool) -> Finding {
    match TcpListener::bind(address) {
        Ok(_) if running => Finding::warn(
            AREA,
            format!("{address} is free although the host runs"),
            "it listens elsewhere: was porchlight.toml changed, or `run --listen` used?",
        ),
        Ok(_) => Finding::ok(AREA, format!("{address} is free")),
        Err(error) => match error.kind() {
            ErrorKind::AddrInUse if running => {
                Finding::ok(AREA, format!("{address} is served by the running host"))
            }
            ErrorKind::AddrInUse => Finding::bad(
                AREA,
                format!("{address} is taken by another program"),
                format!(
                    "`ss -ltnp 'sport = :{}'` says by which; or choose another in [server] listen",
                    address.port()
                ),
            ),
            ErrorKind::PermissionDenied => Finding::bad(
                AREA,
                format!("{address} may not be listened on: {error}"),
                "ports below 1024 need AmbientCapabilities=CAP_NET_BIND_SERVICE, or a socket from systemd",
            ),
            _ => Finding::bad(
                AREA,
                format!("{address} can't be listened on: {error}"),
                "is that an address of this computer? `ip address` lists them",
            ),
        },
    }
}
