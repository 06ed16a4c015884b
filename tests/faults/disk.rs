//! A small disk for the files of a database.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A file system in memory. It is unmounted when this is dropped.
pub(crate) struct Disk {
    directory: TempDir,
}

impl Disk {
    /// Mounts a file system of this size, such as `16m`.
    ///
    /// # Panics
    /// If the tests may not mount file systems: they must not pass without this one.
    pub(crate) fn mount(size: &str) -> Self {
        let directory = tempfile::tempdir().expect("the temporary directory is created");
        let disk = Self { directory };
        // PostgreSQL runs as another user.
        fs::set_permissions(disk.path(), Permissions::from_mode(0o755)).expect("the mode is set");
        disk.mount_with(&["-t", "tmpfs", "-o", &format!("size={size},mode=755"), "tmpfs"]);
        disk
    }

    /// Makes the file system read-only, or writable again. This fails while a file is open for writing.
    pub(crate) fn set_read_only(&self, read_only: bool) {
        self.mount_with(&["-o", if read_only { "remount,ro" } else { "remount,rw" }]);
    }

    fn mount_with(&self, arguments: &[&str]) {
        let mounted = Command::new("mount").args(arguments).arg(self.path()).status();
        let succeeded = mounted.expect("the mount command runs").success();
        assert!(succeeded, "this test mounts a tmpfs, which requires root and the capability CAP_SYS_ADMIN");
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }

    /// Writes a file until the disk is full.
    pub(crate) fn fill(&self) {
        let mut filler =
            fs::OpenOptions::new().create(true).append(true).open(self.filler()).expect("the file opens");
        while filler.write_all(&[1; 4096]).is_ok() {}
    }

    /// Deletes the file that fills the disk.
    pub(crate) fn free(&self) {
        fs::remove_file(self.filler()).expect("the file is deleted");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The processes that use the file system may still be ending.
        drop(Command::new("umount").arg("--lazy").arg(self.path()).status());
    }
}
