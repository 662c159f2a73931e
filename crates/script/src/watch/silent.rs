//! Where the system reports no changes: shares and passthrough folders, whose files are changed by
//! somebody else's kernel. There only looking helps.

use std::path::Path;

/// File systems on which inotify stays silent about the other side's changes.
const SILENT: [&str; 9] = [
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "virtiofs", "vboxsf", "fuse",
];

/// Whether changes under this path may go unreported. False where that cannot be told.
pub(super) fn is_silent(path: &Path) -> bool {
    let Ok(path) = path.canonicalize() else {
        return false;
    };
    std::fs::read_to_string("/proc/self/mountinfo").is_ok_and(|mounts| silent_in(&mounts, &path))
}

/// The innermost mount decides; of two on the same point the later one covers the earlier.
fn silent_in(mounts: &str, path: &Path) -> bool {
    let mut found = (0, false);
    for line in mounts.lines() {
        // 36 35 98:0 /root /mount/point rw,noatime master:1 - ext4 /dev/root rw
        let Some((left, right)) = line.split_once(" - ") else {
            continue;
        };
        let point = left
            .split(' ')
            .nth(4)
            .unwrap_or_default()
            .replace("\\040", " ");
        let kind = right.split(' ').next().unwrap_or_default();
        if path.starts_with(&point) && point.len() >= found.0 {
            let kind = if kind.starts_with("fuse.") {
                "fuse"
            } else {
                kind
            };
            found = (point.len(), SILENT.contains(&kind));
        }
    }
    found.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_mount_decides() {
        let mounts = "1 0 8:1 / / rw - ext4 /dev/a rw\n\
                      2 1 0:5 / /mnt/my\\040share rw - cifs //nas/x rw\n\
                      3 2 8:2 / /mnt/my\\040share/local rw - ext4 /dev/b rw\n\
                      4 1 0:6 / /home rw shared:1 - fuse.sshfs host: rw\n";
        let silent = |path: &str| silent_in(mounts, Path::new(path));
        assert!(silent("/mnt/my share/scripts"));
        assert!(!silent("/mnt/my share/local/scripts"));
        assert!(silent("/home/scripts"));
        assert!(!silent("/srv/scripts"));
        assert!(!silent_in("", Path::new("/srv")));
    }
}
