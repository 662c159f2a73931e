//! A connection to a mail server, as encrypted as it must be before anything is said on it.

use super::dialogue::{Dialogue, Wire};
use super::{MailConfig, MailSecurity};
use crate::failure::config;
use porchlight_core::ActionError;
use rustls::pki_types::ServerName;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

/// A connection that is as encrypted as it must be, and knows what the server can do.
pub(super) async fn open(account: &MailConfig, until: Instant) -> Result<Dialogue, ActionError> {
    let server = account.server.as_str();
    let connect = TcpStream::connect((server, account.port));
    let failed = |why: &str| {
        let message = format!("{server}:{}: no connection: {why}", account.port);
        ActionError::later("connect", message)
    };
    let stream = match timeout_at(until, connect).await {
        Ok(connected) => connected.map_err(|error| failed(&error.to_string()))?,
        Err(_) => return Err(failed("not within the time")),
    };
    let _ = stream.set_nodelay(true);
    let ours = stream.local_addr().map(|own| own.ip());
    let name = hello_name(ours.unwrap_or(IpAddr::from([127, 0, 0, 1])));
    let is_here = stream.peer_addr().is_ok_and(|peer| peer.ip().is_loopback());
    let stream: Box<dyn Wire> = Box::new(stream);
    match account.security {
        MailSecurity::None => {
            if !is_here {
                return Err(config(format!(
                    "{server}: is another machine, so `tls = \"none\"` would send everything in clear"
                )));
            }
            let mut dialogue = Dialogue::new(stream, server, until);
            dialogue.greeting().await?;
            dialogue.hello(&name).await?;
            Ok(dialogue)
        }
        MailSecurity::Implicit => {
            let stream = encrypt(stream, account, until).await?;
            let mut dialogue = Dialogue::new(stream, server, until);
            dialogue.greeting().await?;
            dialogue.hello(&name).await?;
            Ok(dialogue)
        }
        MailSecurity::StartTls => {
            let mut dialogue = Dialogue::new(stream, server, until);
            dialogue.greeting().await?;
            dialogue.hello(&name).await?;
            if dialogue.ability("STARTTLS").is_none() {
                // It may be somebody in between who took the word away.
                return Err(ActionError::never(
                    "tls",
                    format!("{server}: does not offer STARTTLS, so nothing was sent"),
                ));
            }
            dialogue.ask("STARTTLS", "STARTTLS").await?;
            let stream = encrypt(dialogue.into_wire()?, account, until).await?;
            let mut dialogue = Dialogue::new(stream, server, until);
            dialogue.hello(&name).await?;
            Ok(dialogue)
        }
    }
}

async fn encrypt(
    stream: Box<dyn Wire>,
    account: &MailConfig,
    until: Instant,
) -> Result<Box<dyn Wire>, ActionError> {
    let server = account.server.as_str();
    let tls = account.tls.client_config().map_err(config)?;
    let name = ServerName::try_from(server.to_owned())
        .map_err(|_| config(format!("{server}: is no name of a server")))?;
    let connector = TlsConnector::from(Arc::new(tls));
    match timeout_at(until, connector.connect(name, stream)).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(error)) => {
            let message = format!("{server}: {error}");
            // A certificate that is not believed now is not believed in a minute.
            Err(
                match error
                    .get_ref()
                    .is_some_and(|inner| inner.is::<rustls::Error>())
                {
                    true => ActionError::never("tls", message),
                    false => ActionError::later("tls", message),
                },
            )
        }
        Err(_) => Err(ActionError::later(
            "timeout",
            format!("{server}: the encryption was not agreed on in time"),
        )),
    }
}

/// Our address as a name: a home has seldom a better one, and servers know the form.
fn hello_name(own: IpAddr) -> String {
    match own {
        IpAddr::V4(own) => format!("[{own}]"),
        IpAddr::V6(own) => format!("[IPv6:{own}]"),
    }
}
