//! With a script in the place of Apptainer: what it does when it fails, or is slow, cannot be had from the real one here.

use super::*;
use crate::image::ImageForm;

const TIMES: LockTimes = LockTimes {
    heartbeat: Duration::from_millis(50),
    stale: Duration::from_secs(20),
    poll: Duration::from_millis(10),
    patience: Duration::from_secs(20),
};

/// A folder with a program whose `$3` is the file to write and `$4` the source, as hpcbench calls it.
struct Bench {
    dir: tempfile::TempDir,
    apptainer: Apptainer,
}

impl Bench {
    fn new(script: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("apptainer");
        let text = format!(
            "#!/bin/sh\n[ \"$2\" = -- ] || shift\necho \"$1 $4\" >> {}/calls\n{script}\n",
            dir.path().display()
        );
        crate::testing::program(&program, &text);
        let version = "1.0".to_owned();
        Self {
            dir,
            apptainer: Apptainer { program, version },
        }
    }

    fn image(&self) -> PathBuf {
        self.dir.path().join("images/a.sif")
    }

    fn options(&self) -> PullOptions {
        PullOptions {
            force: false,
            scratch: self.dir.path().join("scratch"),
            directory: self.dir.path().to_path_buf(),
            times: TIMES,
            guard: Vec::new(),
        }
    }

    fn pull(&self, options: &PullOptions) -> Result<Pulled, PullError> {
        pull(&self.apptainer, "docker://a/b:1", &self.image(), options, |_| ())
    }

    fn calls(&self) -> usize {
        fs::read_to_string(self.dir.path().join("calls")).map_or(0, |text| text.lines().count())
    }

    /// Nothing but the image, if even that.
    fn expect_nothing_left(&self) {
        let names = |path: &str| -> Vec<OsString> {
            let entries = fs::read_dir(self.dir.path().join(path)).into_iter().flatten();
            entries
                .map(|entry| entry.unwrap().file_name())
                .filter(|name| name != "a.sif")
                .collect()
        };
        assert_eq!(names("images"), Vec::<OsString>::new());
        assert_eq!(names("scratch"), Vec::<OsString>::new());
    }
}

#[test]
fn what_apptainer_is_asked() {
    let words = |source, keeps| {
        let words = arguments(source, Path::new("/i/.p"), keeps);
        words.join(" ".as_ref()).into_string().unwrap()
    };
    assert_eq!(
        words("docker://a/b:1", false),
        "pull --disable-cache -- /i/.p docker://a/b:1"
    );
    assert_eq!(words("oras://a/b:1", true), "pull -- /i/.p oras://a/b:1");
    assert_eq!(words("vllm.def", true), "build -- /i/.p vllm.def");
    assert_eq!(
        words("docker-archive:b.tar", true),
        "build -- /i/.p docker-archive:b.tar"
    );
    assert_eq!(
        words("docker-daemon://b", true),
        "build -- /i/.p docker-daemon://b"
    );
}

#[test]
fn an_image_is_fetched_once() {
    let bench = Bench::new("echo INFO: hello >&2; mkdir \"$APPTAINER_TMPDIR/layer\"; echo a > \"$3\"");
    let mut said = Vec::new();
    let pulled = pull(
        &bench.apptainer,
        "docker://a/b:1",
        &bench.image(),
        &bench.options(),
        |event| {
            if let PullEvent::Line(line) = event {
                said.push(line.to_owned());
            }
        },
    );
    let Pulled::Fetched(image) = pulled.unwrap() else {
        panic!("it was not there");
    };
    assert!(matches!(image.form, ImageForm::File { bytes: 2, .. }));
    assert_eq!(said, ["INFO: hello"]);
    bench.expect_nothing_left();
    assert!(matches!(bench.pull(&bench.options()), Ok(Pulled::Present(_))));
    assert_eq!(bench.calls(), 1);
    let forced = PullOptions {
        force: true,
        ..bench.options()
    };
    assert!(matches!(bench.pull(&forced), Ok(Pulled::Fetched(_))));
    assert_eq!(bench.calls(), 2);
}

#[test]
fn of_several_one_fetches() {
    let bench = Bench::new("sleep 0.3; echo a > \"$3\"");
    std::thread::scope(|scope| {
        let pulls: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| bench.pull(&bench.options()).unwrap()))
            .collect();
        let fetched = pulls
            .into_iter()
            .map(|pull| pull.join().unwrap())
            .filter(|pulled| matches!(pulled, Pulled::Fetched(_)));
        assert_eq!(fetched.count(), 1);
    });
    assert_eq!(bench.calls(), 1);
    bench.expect_nothing_left();
}

#[test]
fn a_failure_leaves_nothing_and_says_why() {
    let bench =
        Bench::new("echo half > \"$3\"; echo 'FATAL: write /x: no space left on device' >&2; exit 255");
    let Err(PullError::Failed { kind, tail, .. }) = bench.pull(&bench.options()) else {
        panic!("it fails");
    };
    assert_eq!(kind, FailureKind::NoSpace);
    assert!(tail.contains("/x"), "{tail}");
    assert!(!bench.image().exists());
    bench.expect_nothing_left();
}

#[test]
fn a_failure_keeps_the_image_that_was_there() {
    let bench = Bench::new("echo half > \"$3\"; exit 1");
    fs::create_dir_all(bench.image().parent().unwrap()).unwrap();
    fs::write(bench.image(), "old").unwrap();
    let forced = PullOptions {
        force: true,
        ..bench.options()
    };
    assert!(bench.pull(&forced).is_err());
    assert_eq!(fs::read_to_string(bench.image()).unwrap(), "old");
}

#[test]
fn success_without_an_image_is_a_failure() {
    let bench = Bench::new("exit 0");
    assert!(matches!(bench.pull(&bench.options()), Err(PullError::Image(_))));
    bench.expect_nothing_left();
}

#[test]
fn what_an_interrupted_one_has_left_goes() {
    let bench = Bench::new("echo a > \"$3\"");
    let folder = bench.image().parent().unwrap().to_path_buf();
    fs::create_dir_all(&folder).unwrap();
    let left = format!(".a.sif.{}.99999999.partial", crate::disk::hostname());
    fs::write(folder.join(left), "half").unwrap();
    bench.pull(&bench.options()).unwrap();
    bench.expect_nothing_left();
}

#[test]
fn nothing_that_looks_like_an_option_is_passed_on() {
    let bench = Bench::new("exit 0");
    for source in ["", "--force", "docker://a\nb"] {
        let pulled = pull(&bench.apptainer, source, &bench.image(), &bench.options(), |_| ());
        assert!(matches!(pulled, Err(PullError::Source(_))), "{source:?}");
    }
    assert_eq!(bench.calls(), 0);
}
