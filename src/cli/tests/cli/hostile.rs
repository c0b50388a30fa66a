//! What nobody writes by accident: it is refused in bounded time and memory.

use std::fmt::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::common::{Finished, RECIPE, World};

/// Address space that the program gets, in KiB: far less than what a document could be blown up to.
const MEMORY_KIB: u32 = 1024 * 1024;

/// Generous: it catches what has no bound, not a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

fn laughs() -> Vec<u8> {
    let mut text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..30 {
        let alias = format!("*a{}, ", level - 1).repeat(10);
        writeln!(text, "a{level}: &a{level} [{alias}]").unwrap();
    }
    text.into_bytes()
}

fn cases() -> Vec<(&'static str, Vec<u8>)> {
    let long = "x".repeat(1_000_000);
    let recipe = |notes: &str| format!("{RECIPE}metadata: {{notes: {notes}}}\n").into_bytes();
    let mut merges = "a0: &a0 {k0: 1}\n".to_owned();
    for level in 1..200 {
        writeln!(
            merges,
            "a{level}: &a{level} {{<<: [*a{0}, *a{0}], k{level}: 1}}",
            level - 1
        )
        .unwrap();
    }
    vec![
        ("billion laughs", laughs()),
        ("merged laughs", merges.into_bytes()),
        ("a key of a megabyte", format!("{RECIPE}{long}: 1\n").into_bytes()),
        (
            "a number of a megabyte",
            format!("{RECIPE}launch: {{max_epochs: {}}}\n", "9".repeat(1_000_000)).into_bytes(),
        ),
        (
            "a comment of a megabyte and an error",
            format!("{RECIPE}# {long}\nx: 1\n").into_bytes(),
        ),
        ("flow of depth 10,000", recipe(&"[".repeat(10_000))),
        (
            "closed flow of depth 10,000",
            recipe(&("[".repeat(10_000) + &"]".repeat(10_000))),
        ),
        (
            "block of depth 10,000",
            format!("{RECIPE}metadata:\n {}x", "- ".repeat(10_000)).into_bytes(),
        ),
        ("a NUL byte", recipe("a\0b")),
        ("half a million anchors", recipe(&"&a ".repeat(300_000))),
        ("many tags", recipe(&"!!x ".repeat(200_000))),
        (
            "duplicate keys",
            format!("{RECIPE}{}", "name: tiny\n".repeat(9_000)).into_bytes(),
        ),
        ("no text", vec![0xff; 1_000_000]),
        ("more than is read", vec![b'a'; 3 << 20]),
    ]
}

/// Validates under a limit of memory.
fn validate(world: &World) -> Finished {
    let limited = format!("ulimit -v {MEMORY_KIB} && exec \"$0\" validate hostile.yaml");
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", &limited, env!("CARGO_BIN_EXE_hpcbench")])
        .env_clear()
        .current_dir(world.path());
    Finished::of(command.output().unwrap())
}

#[test]
fn hostile_recipes_are_refused() {
    let world = World::new();
    for (name, bytes) in cases() {
        std::fs::write(world.path().join("hostile.yaml"), bytes).unwrap();
        let before = Instant::now();
        let finished = validate(&world);
        let told: String = finished.stderr.chars().take(500).collect();
        assert_eq!(finished.code, Some(2), "{name}: {told}");
        assert!(finished.stdout.contains("error["), "{name}: {told}");
        assert!(!finished.stderr.contains("panicked"), "{name}: {told}");
        // What is shown of it is for people to read.
        assert!(
            finished.stdout.len() < 64 * 1024,
            "{name}: {} bytes",
            finished.stdout.len()
        );
        assert!(before.elapsed() < PATIENCE, "{name}: {:?}", before.elapsed());
    }
}
