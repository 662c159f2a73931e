//! A Unix socket in the file system: made with its permissions in one step, removed at the end.
//!
//! A socket file outlives a program that was killed. It is replaced only when nobody answers on
//! it, and anything that is no socket is left alone. The new socket is made under another name
//! and moved into place, so it is never found under its own name before its permissions are set.

use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;

/// A program that lives answers a local connection at once; a full queue is an answer, too.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);

/// A listening Unix socket. Dropping it removes the file, if it still is the same one.
#[derive(Debug)]
pub struct UnixSocket {
    listener: UnixListener,
    file: Option<File>,
}

#[derive(Debug)]
struct File {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

impl UnixSocket {
    /// Makes the socket file with these permissions, such as `0o660`.
    ///
    /// # Errors
    /// `AddrInUse` when a program answers at this path, `AlreadyExists` when a file that is no
    /// socket stands there, and what the file system says.
    pub async fn bind(path: &Path, mode: u32) -> io::Result<Self> {
        make_way(path).await?;
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        if is_socket(&beside)? {
            std::fs::remove_file(&beside)?;
        }
        let listener = UnixListener::bind(&beside)?;
        let placed = std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(mode))
            .and_then(|()| std::fs::metadata(&beside))
            .and_then(|metadata| std::fs::rename(&beside, path).map(|()| metadata));
        let metadata = placed.inspect_err(|_| _ = std::fs::remove_file(&beside))?;
        Ok(Self {
            listener,
            file: Some(File {
                path: path.to_owned(),
                identity: (metadata.dev(), metadata.ino()),
            }),
        })
    }

    /// A socket that somebody else made, such as systemd, and will remove.
    pub fn passed(listener: UnixListener) -> Self {
        Self {
            listener,
            file: None,
        }
    }

    pub(super) async fn accept(&self) -> io::Result<UnixStream> {
        Ok(self.listener.accept().await?.0)
    }
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        let Some(file) = &self.file else { return };
        let ours = std::fs::symlink_metadata(&file.path)
            .is_ok_and(|found| (found.dev(), found.ino()) == file.identity);
        if ours && let Err(error) = std::fs::remove_file(&file.path) {
            tracing::warn!(path = %file.path.display(), %error, "the socket file stays behind");
        }
    }
}

/// Makes sure that nothing living stands at this path.
async fn make_way(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "a file that is no socket stands there",
            ));
        }
        Ok(_) => {}
    }
    match timeout(ANSWERS_WITHIN, UnixStream::connect(path)).await {
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Ok(Err(error)) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        _ => Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "another program answers there",
        )),
    }
}

fn is_socket(path: &Path) -> io::Result<bool> {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) => Ok(metadata.file_type().is_socket()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
