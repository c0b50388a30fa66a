//! Types of file systems, told apart by the magic number that `statfs(2)` reports.

use std::path::Path;

use crate::StorageError;

/// What a type of file system means for a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// On a disk of this machine.
    Local,
    /// In this machine's memory.
    Memory,
    /// Shared by nodes that all see a new name at once.
    Coherent,
    /// Shared by nodes that may go on believing for a while that a new name does not exist.
    Cached,
    /// Nothing is known about it.
    Unknown,
}

/// Types that may lie on a disk of this machine as well as on another one's.
const ANYWHERE: [&str; 2] = ["fuse", "9p"];

/// A file system, as far as its type tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystem {
    /// Name of its type, such as `ext4`; a hexadecimal number for a type that is not known.
    pub kind: String,
    /// Where its files are.
    pub reach: Reach,
}

/// Where the files of a file system are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// On this machine's disks.
    Disk,
    /// In this machine's memory.
    Memory,
    /// On other machines, which share them with many.
    Shared,
    /// That cannot be told.
    Unknown,
}

/// Magic numbers as in the kernel's `include/uapi/linux/magic.h`, and in the sources of the file systems outside of it.
const KINDS: &[(u32, &str, Sort)] = &[
    (0x0000_EF53, "ext4", Sort::Local),
    (0x5846_5342, "xfs", Sort::Local),
    (0x9123_683E, "btrfs", Sort::Local),
    (0x2FC1_2FC1, "zfs", Sort::Local),
    (0xF2F5_2010, "f2fs", Sort::Local),
    (0xCA45_1A4E, "bcachefs", Sort::Local),
    (0x794C_7630, "overlayfs", Sort::Local),
    (0x0102_1994, "tmpfs", Sort::Memory),
    (0x8584_58F6, "ramfs", Sort::Memory),
    (0x0BD0_0BD0, "lustre", Sort::Coherent),
    (0x4750_4653, "gpfs", Sort::Coherent),
    (0x1983_0326, "beegfs", Sort::Coherent),
    (0x00C3_6400, "ceph", Sort::Coherent),
    (0x0116_1970, "gfs2", Sort::Coherent),
    (0x7461_636F, "ocfs2", Sort::Coherent),
    (0x0000_6969, "nfs", Sort::Cached),
    (0xFF53_4D42, "cifs", Sort::Cached),
    (0xFE53_4D42, "smb2", Sort::Cached),
    (0x5346_414F, "afs", Sort::Cached),
    (0x6573_5546, "fuse", Sort::Cached),
    (0x0102_1997, "9p", Sort::Cached),
];

/// A type of file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    magic: u32,
}

impl Kind {
    /// The type of the file system that `dir` is on.
    pub(super) fn of(dir: &Path) -> Result<Self, StorageError> {
        let found = nix::sys::statfs::statfs(dir)
            .map_err(std::io::Error::from)
            .map_err(StorageError::on("ask for the file system of", dir))?;
        // The numbers have 32 bits; the type that carries them differs between machines.
        Ok(Self::from_magic(found.filesystem_type().0 as u32))
    }

    pub(super) const fn from_magic(magic: u32) -> Self {
        Self { magic }
    }

    fn known(self) -> Option<(&'static str, Sort)> {
        let (_, name, sort) = KINDS.iter().find(|(magic, ..)| *magic == self.magic)?;
        Some((name, *sort))
    }

    /// Its name; a hexadecimal number for a type that is not known.
    pub(super) fn name(self) -> String {
        self.known()
            .map_or_else(|| format!("{:#010x}", self.magic), |(name, _)| name.to_owned())
    }

    pub(super) fn sort(self) -> Sort {
        self.known().map_or(Sort::Unknown, |(_, sort)| sort)
    }

    /// Where its files are.
    pub(super) fn reach(self) -> Reach {
        let is_anywhere = |(name, _)| ANYWHERE.contains(&name);
        match self.sort() {
            Sort::Local => Reach::Disk,
            Sort::Memory => Reach::Memory,
            Sort::Cached if self.known().is_some_and(is_anywhere) => Reach::Unknown,
            Sort::Coherent | Sort::Cached => Reach::Shared,
            Sort::Unknown => Reach::Unknown,
        }
    }

    /// Whether a new name may be missed by another node for a while.
    pub(super) fn caches_lookups(self) -> bool {
        matches!(self.sort(), Sort::Cached | Sort::Unknown)
    }
}
