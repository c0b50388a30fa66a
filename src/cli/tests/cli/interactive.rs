//! `validate --interactive`: from problem to problem, on a terminal.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::common::World;
use crate::pty::{DOWN, ENTER, Pty};

const WRONG: &str = "\
# größe
schema: hpcbench/v1
name: tiny
service: {kind: simulatr}   # a remark that stays
workload:
  load: {shape: closed, concurency: 8}
  duration: 5 minutes
  prompts: {source: synthetic, input_tokens: 8, output_tokens: 8}
";

fn start(world: &World, arguments: &[&str]) -> Pty {
    Pty::start(world.command(&[&["validate", "wrong.yaml", "--interactive"], arguments].concat()))
}

#[test]
fn without_a_terminal_nothing_is_asked() {
    let world = World::new();
    world.write("wrong.yaml", WRONG);
    let refused = world.run(&["validate", "wrong.yaml", "--interactive"]);
    refused.expect_refused(2, &["need a terminal", "--interactive"]);
}

#[test]
fn problems_are_solved_one_by_one() {
    let world = World::new();
    let path = world.write("wrong.yaml", WRONG);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let mut pty = start(&world, &[]);
    pty.wait_for("`simulatr` is not one of")
        .answer("write simulator", "");
    pty.wait_for("unknown key `concurency`")
        .answer("write concurrency", "");
    pty.wait_for("`5 minutes` is not a duration")
        .answer("write another value", "")
        .wait_for("Value")
        .press("soon")
        .press(ENTER)
        .wait_for("`soon` is not a duration")
        .press("5m")
        .press(ENTER);
    pty.wait_for("-  duration: 5 minutes")
        .wait_for("+  duration: 5m")
        .wait_for("Write this to wrong.yaml?")
        .press("y");
    let (code, screen) = pty.finish();
    assert_eq!(code, Some(0), "{screen}");
    let expected = WRONG
        .replace("simulatr", "simulator")
        .replace("concurency", "concurrency")
        .replace("5 minutes", "5m");
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn a_missing_key_is_put_where_it_belongs() {
    for (from, to) in [
        ("shape: closed, ", "shape: closed, concurrency: 8, "),
        ("name: tiny\n", ""),
    ] {
        let world = World::new();
        let good = WRONG
            .replace("simulatr", "simulator")
            .replace("concurency", "concurrency")
            .replace("5 minutes", "5m");
        let source = if to.is_empty() {
            good.replace(from, "")
        } else {
            good.replace(", concurrency: 8", "")
        };
        let path = world.write("wrong.yaml", &source);
        let value = if to.is_empty() { "tiny" } else { "8" };
        let mut pty = start(&world, &[]);
        pty.wait_for("missing key")
            .answer("write another value", "")
            .answer("Value", value);
        pty.wait_for("Write this to wrong.yaml?").press("y");
        let (code, screen) = pty.finish();
        assert_eq!(code, Some(0), "{screen}");
        assert!(fs::read_to_string(&path).unwrap().contains("a remark that stays"));
    }
}

#[test]
fn what_is_left_stays_and_nothing_is_written_unasked() {
    let world = World::new();
    let path = world.write("wrong.yaml", WRONG);
    let mut pty = start(&world, &[]);
    pty.wait_for("simulatr")
        .wait_for("leave this and all others")
        .press(DOWN)
        .press(DOWN)
        .press(ENTER);
    pty.wait_for("concurency").answer("write concurrency", "");
    pty.wait_for("5 minutes")
        .wait_for("leave this and all others")
        .press(DOWN)
        .press(DOWN)
        .press(ENTER);
    pty.wait_for("Write this to wrong.yaml?").press("n");
    let (code, screen) = pty.finish();
    assert_eq!(code, Some(2), "{screen}");
    assert_eq!(fs::read_to_string(&path).unwrap(), WRONG);
}
