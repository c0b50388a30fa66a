//! `init`: a recipe by questions, on a terminal.

use std::fs;

use crate::common::World;
use crate::pty::{DOWN, ENTER, Pty};

/// The key that goes up in a list, and from its top to its end.
const UP: &str = "\u{1b}[A";

#[test]
fn without_a_terminal_there_are_no_questions() {
    let world = World::new();
    world
        .run(&["init"])
        .expect_refused(2, &["need a terminal", "recipes/"]);
    assert_eq!(fs::read_dir(world.path()).unwrap().count(), 0);
}

#[test]
fn answers_become_a_valid_recipe() {
    let world = World::new();
    let mut pty = Pty::start(world.command(&["init", "my test.yaml"]));
    pty.answer("Name of the benchmark", "")
        // The third choice from the end: a server that runs.
        .wait_for("What is to be benchmarked?")
        .press(UP)
        .press(UP)
        .press(UP)
        .press(ENTER)
        .answer("Where?", "")
        .answer("The server's URL", "");
    pty.answer("Model, as the server lists it", "tiny")
        .answer("What kind of load?", DOWN)
        .wait_for("Requests a second")
        // A wrong answer is refused at once, and asked for again.
        .press("2, fast")
        .press(ENTER)
        .wait_for("fast")
        .wait_for("number")
        .press("2, 4")
        .press(ENTER);
    pty.answer("Warm-up", "")
        .answer("Measured for", "5m")
        .answer("Tokens of a prompt", "")
        .answer("Tokens of an answer", "")
        .answer("How often", "")
        .wait_for("workload.load.rate: [2, 4]")
        .wait_for("An estimate")
        .wait_for("Write this to my test.yaml?")
        .press("y");
    let (code, screen) = pty.finish();
    assert_eq!(code, Some(0), "{screen}");
    let text = fs::read_to_string(world.path().join("my test.yaml")).unwrap();
    for words in [
        "name: my-test\n",
        "model: tiny\n",
        "shape: poisson  # ",
        "duration: 5m  # after the warm-up",
        "repetitions: 3",
    ] {
        assert!(text.contains(words), "no {words}:\n{text}");
    }
    let valid = world.run(&["validate", "my test.yaml"]);
    assert_eq!(valid.code, Some(0), "{valid:?}");
}

#[test]
fn a_server_that_hpcbench_does_not_know_is_described_by_its_command() {
    let world = World::new();
    let mut pty = Pty::start(world.command(&["init"]));
    pty.answer("Name of the benchmark", "")
        .wait_for("custom: A service that the recipe describes itself")
        .press(UP)
        .press(ENTER)
        .answer("Where?", "")
        .answer("Model, as requests name it", "")
        .answer("Its command", "server --listen={port}");
    pty.answer("Path that answers once it is ready", "/ready")
        .answer("Container image", "")
        .answer("What kind of load?", "");
    for question in [
        "Clients at once",
        "Warm-up",
        "Measured for",
        "Tokens of a prompt",
        "Tokens of an answer",
        "How often",
    ] {
        pty.answer(question, "");
    }
    pty.wait_for("Write this to recipe.yaml?").press("y");
    let (code, screen) = pty.finish();
    assert_eq!(code, Some(0), "{screen}");
    let text = fs::read_to_string(world.path().join("recipe.yaml")).unwrap();
    for words in [
        "kind: custom\n",
        "server, \"--listen={port}\"",
        "health_path: /ready",
    ] {
        assert!(text.contains(words), "no {words}:\n{text}");
    }
}

#[test]
fn nothing_is_written_that_nobody_wants() {
    let world = World::new();
    let mut pty = Pty::start(world.command(&["init"]));
    pty.answer("Name of the benchmark", "");
    pty.wait_for("What is to be benchmarked?")
        .press(UP)
        .press(UP)
        .press(ENTER);
    pty.answer("Where?", "").answer("What kind of load?", "");
    for question in [
        "Clients at once",
        "Warm-up",
        "Measured for",
        "Tokens of a prompt",
        "Tokens of an answer",
        "How often",
    ] {
        pty.answer(question, "");
    }
    pty.wait_for("Write this to recipe.yaml?").press("n");
    let (code, screen) = pty.finish();
    assert_eq!(code, Some(0), "{screen}");
    assert!(screen.contains("nothing was written"), "{screen}");
    world.write("recipe.yaml", "mine");
    let (code, screen) = Pty::start(world.command(&["init"])).finish();
    assert_eq!(code, Some(2), "{screen}");
    assert_eq!(
        fs::read_to_string(world.path().join("recipe.yaml")).unwrap(),
        "mine"
    );
}
