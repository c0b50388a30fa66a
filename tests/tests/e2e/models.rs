//! `hpcbench models pull`, with scripts for the programs that fetch.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::{
    Apptainer, Hpcbench, LlamaImage, Recipe, Workdir, binary, expect_no_file_with, path_with, stand_in,
    wait_until,
};
use nix::sys::signal::Signal;

const SOON: Duration = Duration::from_secs(20);
const TOKEN: &str = "hf_0123456789abcdefSECRET";

/// `hf` as far as it concerns who calls it. A file `gate` beside the models makes it wait for its removal.
const HF: &str = r#"
[ "$*" != --help ] || exit 0
echo "begin $*" >> "$HF_HOME/calls"
env > "$HF_HOME/environment"
while [ -e "$HF_HOME/gate" ]; do sleep .05; done
[ "$1 $2 $3 $4" = "download org/model --revision 0123abc" ] || { echo "hf: unknown model" >&2; exit 1; }
mkdir -p "$HF_HOME/hub/models--org--model/snapshots/0123abc"
echo weights > "$HF_HOME/hub/models--org--model/snapshots/0123abc/model.safetensors"
echo "end" >> "$HF_HOME/calls"
"#;

/// `ollama`: a server, and a client that asks it at the address of the environment and shows the progress that it tells.
const OLLAMA: &str = r#"
case $1 in
serve) exec "$SIMULATOR" simulate --host "${OLLAMA_HOST%:*}" --port "${OLLAMA_HOST##*:}" --model x ;;
pull)
  exec 3<>"/dev/tcp/${OLLAMA_HOST%:*}/${OLLAMA_HOST##*:}" || exit 1
  body='{"model":"'$2'"}'
  printf 'POST /api/pull HTTP/1.1\r\nHost: ollama\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s' ${#body} "$body" >&3
  read -r status <&3
  case $status in *" 200 "*) ;; *) exit 1 ;; esac
  grep -o '"status":"[^"]*"' <&3 | cut -d'"' -f4 >&2
  mkdir -p "$OLLAMA_MODELS/manifests" && echo "$2" > "$OLLAMA_MODELS/manifests/$2"
  ;;
*) exit 2 ;;
esac
"#;

fn vllm(workdir: &Workdir) -> Recipe {
    let models = workdir.path().join("models");
    Recipe::of("vllm")
        .service("model", "org/model")
        .service(
            "options",
            &format!("{{hf_home: {}, revision: 0123abc}}", models.display()),
        )
        .service("secrets", "{HF_TOKEN: {file: token}}")
}

fn pull(workdir: &Workdir, recipe: &Recipe) -> Result<Hpcbench> {
    workdir.write("recipe.yaml", &recipe.text())?;
    workdir.write("token", &format!("{TOKEN}\n"))?;
    Ok(workdir
        .hpcbench()?
        .env("PATH", path_with(workdir))
        .args(["models", "pull", "recipe.yaml"]))
}

fn calls(workdir: &Workdir) -> String {
    fs::read_to_string(workdir.path().join("models/calls")).unwrap_or_default()
}

/// The token is in no file, the user's own and the stand-in's notes apart.
fn expect_no_token(workdir: &Workdir) -> Result<()> {
    expect_no_file_with(TOKEN, workdir.path(), &["token", "models/environment"])
}

#[test]
fn a_snapshot_is_fetched_with_a_secret_that_nobody_else_sees() -> Result<()> {
    let workdir = Workdir::new()?;
    stand_in(&workdir, "hf", HF)?;
    fs::create_dir(workdir.path().join("models"))?;
    fs::write(workdir.path().join("models/gate"), "")?;
    let fetching = pull(&workdir, &vllm(&workdir))?.start()?;
    wait_until(SOON, "hf to be at it", || {
        Ok(calls(&workdir).contains("begin").then_some(()))
    })?;
    // While the program that has it runs.
    for process in workdir.processes()? {
        ensure!(!process.command.contains(TOKEN), "{process:?}");
    }
    fs::remove_file(workdir.path().join("models/gate"))?;
    let fetched = fetching.wait()?.expect_code(0)?;
    ensure!(!fetched.to_string().contains(TOKEN), "{fetched}");
    let environment = fs::read_to_string(workdir.path().join("models/environment"))?;
    ensure!(
        environment.contains(&format!("HF_TOKEN={TOKEN}\n")),
        "{environment}"
    );
    ensure!(environment.contains("HF_HUB_OFFLINE=0\n"), "{environment}");
    expect_no_token(&workdir)?;
    ensure!(
        workdir
            .path()
            .join("models/hub/models--org--model/snapshots/0123abc/model.safetensors")
            .exists()
    );
    workdir.expect_no_process(SOON)
}

#[test]
fn two_at_once_take_turns_and_a_killed_one_lets_the_next() -> Result<()> {
    let workdir = Workdir::new()?;
    stand_in(&workdir, "hf", HF)?;
    fs::create_dir(workdir.path().join("models"))?;
    fs::write(workdir.path().join("models/gate"), "")?;
    let killed = pull(&workdir, &vllm(&workdir))?.start()?;
    wait_until(SOON, "hf to be at it", || {
        Ok(calls(&workdir).contains("begin").then_some(()))
    })?;
    let waiting = pull(&workdir, &vllm(&workdir))?.start()?;
    wait_until(SOON, "the other one to wait", || {
        Ok(waiting.stderr().contains(": waiting").then_some(()))
    })?;
    killed.signal(Signal::SIGKILL)?;
    killed.wait()?;
    wait_until(SOON, "the other one's turn", || {
        Ok((calls(&workdir).matches("begin").count() == 2).then_some(()))
    })?;
    fs::remove_file(workdir.path().join("models/gate"))?;
    waiting.wait()?.expect_code(0)?;
    // The killed one's program has not gone on.
    assert_eq!(calls(&workdir).matches("end").count(), 1, "{}", calls(&workdir));
    workdir.expect_no_process(SOON)
}

#[test]
fn a_model_that_is_not_there_is_told() -> Result<()> {
    let workdir = Workdir::new()?;
    stand_in(&workdir, "hf", HF)?;
    let recipe = vllm(&workdir).service("model", "org/other");
    let failed = pull(&workdir, &recipe)?.run()?.expect_code(3)?;
    ensure!(
        failed.stderr.contains("hf: unknown model") && failed.stderr.contains("failed to fetch org/other"),
        "{failed}"
    );
    workdir.expect_no_process(SOON)
}

fn ollama(workdir: &Workdir) -> Recipe {
    let models = workdir.path().join("models");
    Recipe::of("ollama")
        .service("model", "\"tiny:1b\"")
        .service("options", &format!("{{models_dir: {}}}", models.display()))
}

#[test]
fn ollama_fetches_through_a_server_that_is_there_for_that_alone() -> Result<()> {
    let workdir = Workdir::new()?;
    // Only bash connects by itself.
    let script = workdir.write(
        "ollama.sh",
        &OLLAMA.replace("$SIMULATOR", &binary()?.display().to_string()),
    )?;
    stand_in(
        &workdir,
        "ollama",
        &format!("exec bash {} \"$@\"", script.display()),
    )?;
    let fetched = pull(&workdir, &ollama(&workdir))?.run()?.expect_code(0)?;
    // The progress as the server tells it, then what is ours to say.
    let told = ["pulling manifest", "success", "tiny:1b is in "].map(|words| fetched.stderr.find(words));
    ensure!(told[0].is_some() && told.is_sorted(), "{told:?} {fetched}");
    ensure!(workdir.path().join("models/manifests/tiny:1b").exists());
    workdir.expect_no_process(SOON)
}

#[test]
fn the_programs_of_an_image_fetch_as_well() -> Result<()> {
    let test = "the_programs_of_an_image_fetch_as_well";
    let Some(apptainer) = Apptainer::get(test)? else {
        return Ok(());
    };
    let Some(image) = LlamaImage::get(test, &apptainer)? else {
        return Ok(());
    };
    let workdir = Workdir::new()?;
    let hf = stand_in(&workdir, "hf", HF)?;
    let recipe = vllm(&workdir)
        .service("image", &format!("{{path: {}}}", image.image.display()))
        .service("binds", &format!("[\"{}:/usr/bin/hf:ro\"]", hf.display()));
    let fetched = pull(&workdir, &recipe)?
        .env("PATH", apptainer.on_path()?)
        .run()?
        .expect_code(0)?;
    let environment = fs::read_to_string(workdir.path().join("models/environment"))?;
    ensure!(
        environment.contains(&format!("HF_TOKEN={TOKEN}\n")),
        "{environment}"
    );
    // Nothing of this user's environment is seen inside.
    ensure!(!environment.contains("RUST_BACKTRACE"), "{environment}");
    ensure!(
        workdir.path().join("models/hub/models--org--model").exists(),
        "{fetched}"
    );
    expect_no_token(&workdir)?;
    workdir.expect_no_process(SOON)
}

/// `ray` of some version.
const RAY: &str = r#"[ "$*" = --version ] || exit 2; echo "ray, version $(cat "${0%/*}/version")""#;

#[test]
fn a_ray_that_everybody_may_use_is_refused_before_there_is_a_job() -> Result<()> {
    let test = "a_ray_that_everybody_may_use_is_refused_before_there_is_a_job";
    let Some(apptainer) = Apptainer::get(test)? else {
        return Ok(());
    };
    let Some(image) = LlamaImage::get(test, &apptainer)? else {
        return Ok(());
    };
    let workdir = Workdir::new()?;
    let ray = stand_in(&workdir, "ray", RAY)?;
    let bin = ray.parent().context("a program without a folder")?;
    let options = format!(
        "{{tensor_parallel_size: 2, hf_home: {}, ray: {{program: /opt/ray/ray}}}}",
        workdir.path().display()
    );
    let recipe = Recipe::of("vllm-ray")
        .service("model", "org/model")
        .service("image", &format!("{{path: {}}}", image.image.display()))
        .service("binds", &format!("[\"{}:/opt/ray:ro\"]", bin.display()))
        .service("options", &options)
        .on_five_nodes();
    workdir.write("recipe.yaml", &recipe.text())?;
    let submit = |version: &str| -> Result<_> {
        fs::write(bin.join("version"), version)?;
        workdir
            .hpcbench()?
            .env("PATH", apptainer.on_path()?)
            .args(["submit", "recipe.yaml"])
            .run()?
            .expect_code(3)
    };
    let refused = submit("2.40.0")?;
    ensure!(
        refused.stderr.contains("tokens need 2.52") && !refused.stderr.contains("sbatch"),
        "{refused}"
    );
    ensure!(workdir.runs().read_dir()?.next().is_none(), "it began");
    // There is no cluster here: whoever asks sbatch has nothing against the programs.
    let refused = submit("2.60.0")?;
    ensure!(
        refused.stderr.contains("sbatch") && !refused.stderr.contains("tokens"),
        "{refused}"
    );
    workdir.expect_no_process(SOON)
}
