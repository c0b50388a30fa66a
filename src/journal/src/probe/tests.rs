use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

use super::kind::Sort;
use super::*;

fn healthy() -> FileSystemProbed {
    FileSystemProbed {
        path: ".".to_owned(),
        kind: "ext4".to_owned(),
        sync_p50_seconds: 0.001,
        sync_p99_seconds: 0.050,
        samples: 100,
        rename: true,
        exclusive_create: true,
        lookups_cached: false,
        warnings: Vec::new(),
    }
}

#[test]
fn a_directory_of_this_machine_is_probed_and_left_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let probed = probe(dir.path(), ".").unwrap();
    assert!(probed.rename && probed.exclusive_create, "{probed:?}");
    assert!(probed.samples >= 1 && probed.sync_p50_seconds > 0.0, "{probed:?}");
    assert!(probed.sync_p50_seconds <= probed.sync_p99_seconds, "{probed:?}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_directory_that_is_not_there_or_not_ours_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing");
    assert_eq!(probe(&missing, ".").unwrap_err().path, missing);
    assert_eq!(lookups_cached(&missing).unwrap_err().path, missing);
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(probe(&file, ".").unwrap_err().path.starts_with(&file));
}

#[test]
fn the_scratch_is_private_and_what_killed_probes_left_goes() {
    let dir = tempfile::tempdir().unwrap();
    let (old, recent, other) = (
        dir.path().join(".probe-1-1"),
        dir.path().join(".probe-2-2"),
        dir.path().join("probe"),
    );
    for left in [&old, &recent, &other] {
        fs::create_dir(left).unwrap();
    }
    let long_ago = SystemTime::now() - Duration::from_hours(1);
    for left in [&old, &other] {
        fs::File::open(left).unwrap().set_modified(long_ago).unwrap();
    }
    let scratch = Scratch::new(dir.path()).unwrap();
    let mode = fs::metadata(scratch.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    trials::time_syncs(scratch.path()).unwrap();
    let file = fs::metadata(scratch.path().join("appended")).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
    assert!(!old.exists() && recent.exists() && other.exists());
}

#[test]
fn types_have_names_and_unknown_ones_numbers() {
    let kinds = [
        (0xEF53, "ext4", Sort::Local, false, Reach::Disk),
        (0x0102_1994, "tmpfs", Sort::Memory, false, Reach::Memory),
        (0x0BD0_0BD0, "lustre", Sort::Coherent, false, Reach::Shared),
        (0x6969, "nfs", Sort::Cached, true, Reach::Shared),
        (0x6573_5546, "fuse", Sort::Cached, true, Reach::Unknown),
        (0x0000_BEEF, "0x0000beef", Sort::Unknown, true, Reach::Unknown),
    ];
    for (magic, name, sort, cached, reach) in kinds {
        let kind = Kind::from_magic(magic);
        assert_eq!(
            (kind.name().as_str(), kind.sort(), kind.caches_lookups()),
            (name, sort, cached)
        );
        assert_eq!(kind.reach(), reach, "{name}");
    }
}

#[test]
fn proc_is_of_a_type_that_no_log_should_be_on() {
    assert_eq!(Kind::of(Path::new("/proc")).unwrap().sort(), Sort::Unknown);
}

#[test]
fn a_healthy_file_system_gives_no_warning() {
    for sort in [Sort::Local, Sort::Coherent] {
        assert_eq!(warnings::of(&healthy(), sort), [""; 0]);
    }
}

#[test]
fn what_is_wrong_is_said_in_words() {
    let cases: [(FileSystemProbed, Sort, &str); 6] = [
        (
            FileSystemProbed {
                sync_p99_seconds: 0.080,
                ..healthy()
            },
            Sort::Local,
            "slow: a sync takes 80 ms (p99 of 100)",
        ),
        (
            FileSystemProbed {
                exclusive_create: false,
                ..healthy()
            },
            Sort::Local,
            "unsafe: ext4 let the same file be created twice",
        ),
        (
            FileSystemProbed {
                rename: false,
                ..healthy()
            },
            Sort::Local,
            "unsafe: ext4 does not replace a file",
        ),
        (healthy(), Sort::Memory, "unsafe: ext4 is in memory"),
        (healthy(), Sort::Unknown, "unknown: nothing is known"),
        (
            FileSystemProbed {
                lookups_cached: true,
                ..healthy()
            },
            Sort::Cached,
            "a resume waits 65 s",
        ),
    ];
    for (probed, sort, words) in cases {
        let warnings = warnings::of(&probed, sort);
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains(words), "{warnings:?}");
    }
}
