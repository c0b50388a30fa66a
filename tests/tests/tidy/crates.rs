//! Dependencies point one way, and the pure crates stay pure.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{report, workspace};

/// The crates from the inside out, each with those of our crates that it uses. A crate uses only crates above it.
/// An arrow more or less is a decision about the architecture: change this table and ARCHITECTURE.md together.
const USES: &[(&str, &[&str])] = &[
    ("recipes", &[]),
    ("records", &[]),
    ("timing", &[]),
    ("tables", &["records"]),
    ("stats", &["records"]),
    ("services", &["recipes"]),
    ("slurm", &["recipes"]),
    ("apptainer", &["recipes", "services"]),
    ("telemetry", &["tables"]),
    ("core", &["recipes", "stats"]),
    ("journal", &["core"]),
    ("nats", &["core"]),
    ("load", &["records", "stats", "timing"]),
    ("sim", &["timing"]),
    ("report", &["core", "journal", "recipes", "stats"]),
    (
        "actors",
        &[
            "apptainer",
            "core",
            "journal",
            "load",
            "nats",
            "recipes",
            "records",
            "services",
            "stats",
            "tables",
            "telemetry",
        ],
    ),
    (
        "hpcbench",
        &[
            "actors",
            "apptainer",
            "core",
            "journal",
            "load",
            "nats",
            "recipes",
            "records",
            "report",
            "services",
            "sim",
            "slurm",
            "stats",
            "tables",
            "timing",
        ],
    ),
    ("tests", &[]),
    (
        "fuzz",
        &[
            "core",
            "journal",
            "load",
            "recipes",
            "records",
            "services",
            "telemetry",
        ],
    ),
];

/// Crates whose functions compute and nothing else.
const PURE: &[&str] = &["core", "recipes", "stats"];

/// External crates that bring a clock, a random source, threads or IO.
const IMPURE: &[&str] = &[
    "actix",
    "async-nats",
    "fastrand",
    "getrandom",
    "hyper",
    "mio",
    "nix",
    "rand",
    "rand_distr",
    "socket2",
    "tempfile",
    "tokio",
    "ulid",
    "uuid",
];

#[test]
fn crates_use_exactly_the_crates_they_are_meant_to() {
    let expected: BTreeMap<String, BTreeSet<String>> = USES
        .iter()
        .map(|(name, uses)| {
            (
                (*name).to_owned(),
                uses.iter().map(|&used| used.to_owned()).collect(),
            )
        })
        .collect();
    let mut violations = Vec::new();
    for member in members().unwrap() {
        let Some(allowed) = expected.get(&member.name) else {
            violations.push(format!("{}: not in the table of crates", member.name));
            continue;
        };
        let used: BTreeSet<String> = member.uses.iter().filter_map(|name| ours(name)).collect();
        for name in used.difference(allowed) {
            violations.push(format!("{} must not use {name}", member.name));
        }
        for name in allowed.difference(&used) {
            violations.push(format!(
                "{} no longer uses {name}: take it out of the table",
                member.name
            ));
        }
    }
    report("dependencies between our crates", &violations);
}

#[test]
fn the_table_points_one_way() {
    let mut above = BTreeSet::new();
    let mut violations = Vec::new();
    for (name, uses) in USES {
        for used in uses.iter().filter(|used| !above.contains(*used)) {
            violations.push(format!("{name} uses {used}, which comes after it"));
        }
        above.insert(*name);
    }
    report("direction of dependencies", &violations);
}

#[test]
fn pure_crates_depend_on_nothing_impure() {
    let mut violations = Vec::new();
    for member in members()
        .unwrap()
        .iter()
        .filter(|member| PURE.contains(&member.name.as_str()))
    {
        for used in member.uses.iter().filter(|used| IMPURE.contains(&used.as_str())) {
            violations.push(format!("{} must not depend on {used}", member.name));
        }
    }
    report("purity", &violations);
}

#[test]
fn every_crate_takes_the_shared_lints() {
    let mut violations = Vec::new();
    for member in members().unwrap() {
        let manifest = std::fs::read_to_string(&member.manifest).unwrap();
        if !manifest.contains("[lints]\nworkspace = true\n") {
            violations.push(format!("{}: no `[lints] workspace = true`", member.manifest));
        }
    }
    report("lints", &violations);
}

/// One crate of the workspace.
struct Member {
    /// Without the common prefix.
    name: String,
    manifest: String,
    /// What it depends on outside of tests, by the package's real name.
    uses: BTreeSet<String>,
}

/// The name of one of our crates without the common prefix; none for anybody else's.
fn ours(package: &str) -> Option<String> {
    match package {
        "hpcbench" => Some(package.to_owned()),
        _ => package.strip_prefix("hpcbench-").map(str::to_owned),
    }
}

fn members() -> Result<Vec<Member>> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(workspace())
        .output()
        .context("cannot start cargo metadata")?;
    ensure!(
        output.status.success(),
        "cargo metadata failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata printed no JSON")?;
    let packages = metadata["packages"]
        .as_array()
        .context("cargo metadata lists no packages")?;
    packages
        .iter()
        .map(|package| member(package).context("a package of an unknown shape"))
        .collect()
}

fn member(package: &Value) -> Option<Member> {
    let uses = package["dependencies"]
        .as_array()?
        .iter()
        .filter(|dependency| dependency["kind"] != "dev")
        .filter_map(|dependency| dependency["name"].as_str().map(str::to_owned))
        .collect();
    let name = ours(package["name"].as_str()?)?;
    Some(Member {
        name,
        manifest: package["manifest_path"].as_str()?.to_owned(),
        uses,
    })
}
