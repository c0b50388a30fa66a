//! `hpcbench images pull` with a real Apptainer; archives take the place of a registry.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use hpcbench_tests::{Apptainer, Hpcbench, Recipe, Workdir, oci_archive, wait_until};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;

const SOON: Duration = Duration::from_secs(20);

/// A world with an archive to fetch an image from.
struct Bench {
    workdir: Workdir,
    apptainer: Apptainer,
}

impl Bench {
    fn new(test: &str) -> Result<Option<Self>> {
        let Some(apptainer) = Apptainer::get(test)? else {
            return Ok(None);
        };
        let workdir = Workdir::new()?;
        oci_archive(&workdir, "archive.tar", "first")?;
        let recipe = Recipe::simulated().service(
            "image",
            "{path: images/a.sif, source: \"oci-archive:archive.tar\"}",
        );
        workdir.write("recipe.yaml", &recipe.text())?;
        Ok(Some(Self { workdir, apptainer }))
    }

    fn pull(&self) -> Result<Hpcbench> {
        let pull = self.workdir.hpcbench()?.env("PATH", self.apptainer.on_path()?);
        Ok(pull.args(["images", "pull", "recipe.yaml"]))
    }

    fn image(&self) -> PathBuf {
        self.workdir.path().join("images/a.sif")
    }

    /// Nothing but the image is there, and what is said of it is true.
    fn expect_image(&self, said: &str) -> Result<()> {
        let names: Vec<_> = fs::read_dir(self.workdir.path().join("images"))?
            .map(|entry| Ok(entry?.file_name()))
            .collect::<Result<_>>()?;
        ensure!(names == ["a.sif"], "{names:?}");
        let left = self.workdir.scratch()?;
        ensure!(left.is_empty(), "left on the local disk: {left:?}");
        let line = format!("{}  sha256:{}  ", self.image().display(), sha256(&self.image())?);
        ensure!(said.contains(&line), "no {line:?} in {said:?}");
        Ok(())
    }
}

fn sha256(path: &Path) -> Result<String> {
    let output = Command::new("sha256sum").arg(path).output()?;
    let text = String::from_utf8(output.stdout)?;
    Ok(text.split(' ').next().unwrap_or_default().to_owned())
}

#[test]
fn an_image_is_fetched_once_unless_it_is_to_be_replaced() -> Result<()> {
    let Some(bench) = Bench::new("an_image_is_fetched_once_unless_it_is_to_be_replaced")? else {
        return Ok(());
    };
    let fetched = bench.pull()?.run()?.expect_code(0)?;
    bench.expect_image(&fetched.stdout)?;
    let first = fs::metadata(bench.image())?.ino();
    // The source is another one by now, and nobody looks at it.
    oci_archive(&bench.workdir, "archive.tar", "second")?;
    let again = bench.pull()?.run()?.expect_code(0)?;
    ensure!(again.stderr.contains("is there already"), "{again}");
    assert_eq!(again.stdout, fetched.stdout);
    assert_eq!(fs::metadata(bench.image())?.ino(), first);
    let replaced = bench.pull()?.arg("--force").run()?.expect_code(0)?;
    bench.expect_image(&replaced.stdout)?;
    ensure!(replaced.stdout != fetched.stdout, "{replaced}");
    // A source that is gone costs nobody the image that is there.
    fs::remove_file(bench.workdir.path().join("archive.tar"))?;
    let failed = bench.pull()?.arg("--force").run()?.expect_code(3)?;
    ensure!(
        failed.stderr.contains("failed to fetch oci-archive:archive.tar"),
        "{failed}"
    );
    bench.expect_image(&replaced.stdout)
}

#[test]
fn of_two_at_once_one_fetches() -> Result<()> {
    let Some(bench) = Bench::new("of_two_at_once_one_fetches")? else {
        return Ok(());
    };
    let both = [bench.pull()?.start()?, bench.pull()?.start()?];
    let mut fetched = 0;
    for one in both {
        let one = one.wait()?.expect_code(0)?;
        fetched += usize::from(!one.stderr.contains("is there already"));
        bench.expect_image(&one.stdout)?;
    }
    assert_eq!(fetched, 1);
    Ok(())
}

#[test]
fn a_killed_fetch_takes_its_processes_along_and_is_in_nobodys_way() -> Result<()> {
    let test = "a_killed_fetch_takes_its_processes_along_and_is_in_nobodys_way";
    let Some(bench) = Bench::new(test)? else {
        return Ok(());
    };
    // A source that never says anything.
    let source = bench.workdir.path().join("archive.tar");
    fs::remove_file(&source)?;
    nix::unistd::mkfifo(&source, Mode::S_IRWXU)?;
    let fetching = bench.pull()?.start()?;
    wait_until(SOON, "Apptainer to be at it", || {
        let processes = bench.workdir.processes()?;
        let at_it = processes
            .iter()
            .any(|process| process.command.contains("oci-archive:") && !process.command.contains(" guard "));
        Ok((at_it && bench.workdir.path().join("images/a.sif.lock").exists()).then_some(()))
    })?;
    fetching.signal(Signal::SIGKILL)?;
    fetching.wait()?;
    bench.workdir.expect_no_process(SOON)?;
    fs::remove_file(&source)?;
    oci_archive(&bench.workdir, "archive.tar", "first")?;
    let fetched = bench.pull()?.run()?.expect_code(0)?;
    ensure!(fetched.elapsed < SOON, "it waited for the dead: {fetched}");
    bench.expect_image(&fetched.stdout)
}

#[test]
fn without_room_nothing_is_begun() -> Result<()> {
    let Some(bench) = Bench::new("without_room_nothing_is_begun")? else {
        return Ok(());
    };
    // A file system of its own for the images, in a mount namespace of its own.
    let mounted = Command::new("unshare").args(["--mount", "true"]).status();
    if !mounted.is_ok_and(|status| status.success()) {
        hpcbench_tests::skip(
            "without_room_nothing_is_begun",
            "no mount namespace can be made here",
        );
        return Ok(());
    }
    let images = bench.workdir.path().join("images");
    fs::create_dir(&images)?;
    let script = "mount -t tmpfs -o size=16m none \"$IMAGES\" && \"$HPCBENCH\" images pull recipe.yaml; code=$?; ls -A \"$IMAGES\"; exit $code";
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", script])
        .env("PATH", bench.apptainer.on_path()?)
        .env("IMAGES", &images)
        .env("HPCBENCH", hpcbench_tests::binary()?)
        .env("TMPDIR", bench.workdir.path().join("scratch"))
        .current_dir(bench.workdir.path())
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    ensure!(said.contains("15 MiB of free space"), "{said}");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "",
        "nothing is left: {said}"
    );
    Ok(())
}

#[test]
fn an_image_without_a_source_is_asked_for() -> Result<()> {
    let workdir = Workdir::new()?;
    workdir.write(
        "recipe.yaml",
        &Recipe::simulated().service("image", "{path: a.sif}").text(),
    )?;
    let pull = || Ok::<_, anyhow::Error>(workdir.hpcbench()?.args(["images", "pull", "recipe.yaml"]));
    let missing = pull()?.run()?.expect_code(3)?;
    ensure!(missing.stderr.contains("service.image.source"), "{missing}");
    let submitted = pull()?.arg("--submit").run()?.expect_code(2)?;
    ensure!(submitted.stderr.contains("without --submit"), "{submitted}");
    Ok(())
}
