//! Opens the doors: the configured addresses, or the sockets that systemd passes.
//!
//! Passed sockets take the place of the configured addresses, as in most servers: whoever writes a
//! socket unit means that systemd decides where to listen, and a second opinion in porchlight.toml
//! would collide with it. `--listen` is for the moment, so it always opens.

use crate::config::{Address, Server};
use listenfd::ListenFd;
use porchlight_source::http::{Listener, Tls};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;

/// The `FileDescriptorName=` of sockets that speak TLS.
const TLS_NAME: &str = "tls";

/// The open doors.
#[derive(Default)]
pub struct Doors {
    /// What to serve on.
    pub listeners: Vec<Listener>,
    /// The same, as people write it: `http://127.0.0.1:8480`, `https://…`, `unix:/run/…`.
    pub names: Vec<String>,
}

/// Sockets that systemd passed, each with its name.
#[derive(Default)]
pub struct Passed(Vec<(PassedSocket, String)>);

enum PassedSocket {
    Tcp(std::net::TcpListener),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixListener),
}

impl Passed {
    /// Takes what systemd passed to this process; to be called once, before there are threads.
    ///
    /// # Errors
    /// When one of them is no listening stream socket.
    pub fn take() -> Result<Self, String> {
        // listenfd knows no names, and takes the variables away.
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let mut fds = ListenFd::from_env();
        let mut sockets = Vec::new();
        for number in 0..fds.len() {
            let socket = match fds.take_tcp_listener(number) {
                Ok(socket) => socket.map(PassedSocket::Tcp),
                #[cfg(unix)]
                Err(_) => fds
                    .take_unix_listener(number)
                    .map_err(|_| {
                        format!(
                            "systemd passed a socket that can't be served (number {number}); \
                             only ListenStream= sockets with Accept=no can"
                        )
                    })?
                    .map(PassedSocket::Unix),
                #[cfg(not(unix))]
                Err(error) => return Err(error.to_string()),
            };
            let name = names.next().unwrap_or_default().to_owned();
            sockets.extend(socket.map(|socket| (socket, name)));
        }
        Ok(Self(sockets))
    }
}

impl Doors {
    /// Opens everything: `listen` from the command line instead of the configured plain addresses,
    /// and passed sockets instead of all that is configured.
    ///
    /// # Errors
    /// Which address can't be opened, and why.
    pub async fn open(
        server: &Server,
        listen: Option<SocketAddr>,
        passed: Passed,
    ) -> Result<Self, String> {
        let tls = match &server.tls {
            Some(tls) => {
                let tls = Tls::new(tls.pair.clone(), tls.clients);
                Some(Arc::new(tls.map_err(|error| error.message)?))
            }
            None => None,
        };
        let plain = listen.or(server.plain_address());
        let tls_at = server.tls_addresses(plain);
        let mut doors = Self::default();
        if let Some(address) = listen {
            doors.plain(&Address::Tcp(address), server).await?;
        }
        if !passed.0.is_empty() {
            for (socket, name) in passed.0 {
                doors.passed(socket, &name, &tls_at, tls.as_ref())?;
            }
            return Ok(doors);
        }
        if listen.is_none() {
            for address in &server.listen {
                doors.plain(address, server).await?;
            }
        }
        if let Some(tls) = tls {
            for address in tls_at {
                let listener = bind(address).await?;
                doors.add_tls(listener, &tls)?;
            }
        }
        Ok(doors)
    }

    async fn plain(&mut self, address: &Address, server: &Server) -> Result<(), String> {
        match address {
            Address::Tcp(address) => self.add_tcp(bind(*address).await?),
            #[cfg(unix)]
            Address::Unix(path) => {
                let socket = porchlight_source::http::UnixSocket::bind(path, server.socket_mode);
                let socket = socket.await.map_err(|error| refused(address, &error))?;
                self.names.push(address.to_string());
                self.listeners.push(Listener::Unix(socket));
                Ok(())
            }
            #[cfg(not(unix))]
            Address::Unix(_) => Err(format!("can't listen on {address} on this system")),
        }
    }

    fn passed(
        &mut self,
        socket: PassedSocket,
        name: &str,
        tls_at: &[SocketAddr],
        tls: Option<&Arc<Tls>>,
    ) -> Result<(), String> {
        let broken = |error: std::io::Error| format!("a socket from systemd is broken: {error}");
        match socket {
            PassedSocket::Tcp(socket) => {
                socket.set_nonblocking(true).map_err(broken)?;
                let listener = TcpListener::from_std(socket).map_err(broken)?;
                let port = listener.local_addr().map_err(broken)?.port();
                let speaks_tls = name == TLS_NAME || tls_at.iter().any(|at| at.port() == port);
                match tls {
                    Some(tls) if speaks_tls => self.add_tls(listener, tls),
                    None if name == TLS_NAME => Err(
                        "systemd passed a socket named \"tls\", but there is no certificate: add [server.tls] to porchlight.toml".to_owned(),
                    ),
                    _ => self.add_tcp(listener),
                }
            }
            #[cfg(unix)]
            PassedSocket::Unix(socket) => {
                socket.set_nonblocking(true).map_err(broken)?;
                let address = socket.local_addr().map_err(broken)?;
                let path = address.as_pathname().map(|path| path.display().to_string());
                let listener = tokio::net::UnixListener::from_std(socket).map_err(broken)?;
                self.names
                    .push(format!("unix:{}", path.unwrap_or_default()));
                let socket = porchlight_source::http::UnixSocket::passed(listener);
                self.listeners.push(Listener::Unix(socket));
                Ok(())
            }
        }
    }

    fn add_tcp(&mut self, listener: TcpListener) -> Result<(), String> {
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        self.names.push(format!("http://{address}"));
        self.listeners.push(Listener::Tcp(listener));
        Ok(())
    }

    fn add_tls(&mut self, listener: TcpListener, tls: &Arc<Tls>) -> Result<(), String> {
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        self.names.push(format!("https://{address}"));
        self.listeners
            .push(Listener::Tls(listener, Arc::clone(tls)));
        Ok(())
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| refused(&Address::Tcp(address), &error))
}

fn refused(address: &Address, error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    let advice = match (error.kind(), address) {
        (ErrorKind::AddrInUse, _) => "; does another Porchlight run there?",
        (ErrorKind::PermissionDenied, Address::Tcp(_)) => {
            "; ports below 1024 need CAP_NET_BIND_SERVICE, or a socket from systemd"
        }
        (ErrorKind::NotFound, Address::Unix(_)) => "; the folder must exist",
        _ => "",
    };
    format!("can't listen on {address}: {error}{advice}")
}
