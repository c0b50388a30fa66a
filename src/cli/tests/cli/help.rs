//! Help, version, completions.

use std::process::Stdio;

use crate::common::{Finished, World};

/// The commands that help lists, in its order.
fn listed(help: &str) -> Vec<&str> {
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands = commands.take_while(|line| !line.is_empty());
    // What does not fit on a command's line goes on below its description.
    let commands = commands.filter(|line| !line.starts_with("   "));
    commands
        .filter_map(|line| line.split_whitespace().next())
        .collect()
}

#[test]
fn help_lists_the_commands_that_there_are_and_no_others() {
    let world = World::new();
    let help = world.run(&["--help"]);
    assert_eq!(help.code, Some(0));
    let expected = [
        "init",
        "validate",
        "migrate",
        "schema",
        "plan",
        "run",
        "submit",
        "resume",
        "list",
        "status",
        "watch",
        "cancel",
        "replay",
        "verify",
        "why",
        "report",
        "simulate",
        "images",
        "models",
        "doctor",
        "completions",
        "man",
        "help",
    ];
    assert_eq!(listed(&help.stdout), expected);
    for command in expected {
        let of_command = world.run(&["help", command]);
        assert_eq!(of_command.code, Some(0), "{command}");
        assert!(of_command.stdout.contains("Usage: "), "{command}");
    }
}

#[test]
fn the_version_names_the_revision() {
    let version = World::new().run(&["--version"]);
    let revision = version
        .stdout
        .trim_end()
        .strip_prefix("hpcbench 0.1.0 (")
        .unwrap()
        .strip_suffix(')')
        .unwrap();
    // A developer's tree is seldom clean.
    let commit = revision.strip_suffix("-dirty").unwrap_or(revision);
    let is_revision = commit.len() == 12 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(is_revision || revision == "unknown", "{revision}");
}

#[test]
fn completions_come_for_every_shell() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let completions = world.run(&["completions", shell]);
        assert_eq!(completions.code, Some(0), "{shell}");
        assert!(completions.stdout.contains("hpcbench"), "{shell}");
    }
}

#[test]
fn bad_usage_exits_2() {
    let world = World::new();
    for arguments in [
        &["frobnicate"][..],
        &["run"],
        &["run", "--no-such-flag"],
        &["verify"],
        &["guard", "--exec"],
        &[],
    ] {
        let finished = world.run(arguments);
        assert_eq!(finished.code, Some(2), "{arguments:?}: {finished:?}");
        assert_eq!(finished.stdout, "", "{arguments:?}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let world = World::new();
    let mut child = world
        .command(&["schema"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The pipe has no reader when the schema, which is larger than a pipe, is written.
    drop(child.stdout.take());
    let finished = Finished::of(child.wait_with_output().unwrap());
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""));
}

#[test]
fn manual_pages_come_for_the_program_and_its_commands() {
    let world = World::new();
    let program = world.run(&["man"]);
    assert_eq!(program.code, Some(0), "{program:?}");
    for words in [".TH hpcbench 1", "validate", ".SH OPTIONS"] {
        assert!(program.stdout.contains(words), "no {words}: {program:?}");
    }
    let command = world.run(&["man", "validate"]);
    for words in [
        "hpcbench\\-validate",
        "\\-\\-explain",
        "Check recipes without running them",
    ] {
        assert!(command.stdout.contains(words), "no {words}: {command:?}");
    }
    world
        .run(&["man", "agent"])
        .expect_refused(2, &["no command \"agent\""]);
}
