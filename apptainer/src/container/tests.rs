use std::collections::BTreeMap;

use hpcbench_recipes::plan::SecretSource;
use hpcbench_services::HostPath;

use super::*;

fn command() -> LaunchCommand {
    LaunchCommand {
        tokens: BTreeMap::new(),
        program: "vllm".into(),
        arguments: ["serve", "--model", "$(touch x)"].map(OsString::from).to_vec(),
        inherited: vec!["PATH", "TMPDIR"],
        environment: [("A".to_owned(), "b c".into())].into(),
        paths: vec![
            HostPath {
                path: "/project/hf".into(),
                writable: true,
            },
            HostPath {
                path: "/models/tiny".into(),
                writable: false,
            },
        ],
        secrets: [(
            "HF_TOKEN".to_owned(),
            SecretSource::File("/home/me/.token".into()),
        )]
        .into(),
    }
}

fn container() -> Container {
    Container {
        apptainer: "/opt/bin/apptainer".into(),
        image: "/images/vllm.sif".into(),
        scratch: "/tmp/run/vllm-0".into(),
        gpus: false,
        binds: vec![Bind::parse("/data/models:/models:ro").unwrap()],
        variables: [("NCCL_IB_HCA".to_owned(), "mlx5_0".into())].into(),
    }
}

#[test]
fn the_arguments_are_exactly_these() {
    let contained = exec(command(), &container()).unwrap();
    assert_eq!(contained.program, Path::new("/opt/bin/apptainer"));
    let expected = [
        "exec --cleanenv --no-eval --no-home --no-mount cwd,tmp --writable-tmpfs",
        "--home /tmp/run/vllm-0/home --pwd /tmp/run/vllm-0",
        "--bind /tmp/run/vllm-0/tmp:/tmp --bind /tmp/run/vllm-0/tmp:/var/tmp --bind /dev/shm:/dev/shm",
        // What the service reads in /models is there by the recipe's own bind.
        "--bind /data/models:/models:ro --bind /project/hf:/project/hf --bind /tmp/run/vllm-0:/tmp/run/vllm-0",
        "/images/vllm.sif vllm serve --model",
    ];
    let mut expected: Vec<&str> = expected.iter().flat_map(|line| line.split(' ')).collect();
    expected.push("$(touch x)");
    assert_eq!(contained.arguments, expected);
}

#[test]
fn gpus_are_shown_where_there_are_any() {
    let with = Container {
        gpus: true,
        ..container()
    };
    let has = |container| {
        exec(command(), container)
            .unwrap()
            .arguments
            .contains(&OsString::from("--nv"))
    };
    assert!(has(&with) && !has(&container()));
}

#[test]
fn variables_and_secrets_go_in_by_name_only() {
    let contained = exec(command(), &container()).unwrap();
    let value = |name: &str| contained.environment.get(name).and_then(|value| value.to_str());
    assert_eq!(value("APPTAINERENV_A"), Some("b c"));
    assert_eq!(value("APPTAINERENV_NCCL_IB_HCA"), Some("mlx5_0"));
    assert_eq!(value("APPTAINERENV_PYTHONNOUSERSITE"), Some("1"));
    assert_eq!(
        value("APPTAINERENV_HF_HOME"),
        Some("/tmp/run/vllm-0/home/.cache/huggingface")
    );
    assert_eq!(value("APPTAINERENV_no_proxy"), Some("*"));
    assert_eq!(value("APPTAINER_TMPDIR"), Some("/tmp/run/vllm-0/apptainer"));
    assert_eq!(value("A"), None);
    let secrets: Vec<&String> = contained.secrets.keys().collect();
    assert_eq!(secrets, ["APPTAINERENV_HF_TOKEN"]);
    assert!(!contained.inherited.contains(&"TMPDIR"));
}

#[test]
fn the_service_knows_better_than_the_defaults() {
    let mut wanted = command();
    wanted.environment = [
        ("HF_HOME", "/models/hf"),
        ("NCCL_IB_HCA", "mlx5_1"),
        ("HTTPS_PROXY", "http://proxy:3128"),
    ]
    .map(|(name, value)| (name.to_owned(), value.into()))
    .into();
    let contained = exec(wanted, &container()).unwrap();
    let value = |name: &str| contained.environment.get(name).and_then(|value| value.to_str());
    assert_eq!(value("APPTAINERENV_HF_HOME"), Some("/models/hf"));
    assert_eq!(value("APPTAINERENV_NCCL_IB_HCA"), Some("mlx5_1"));
    assert_eq!(
        value("APPTAINERENV_no_proxy"),
        None,
        "the proxy that the recipe sets would not be used"
    );
}

#[test]
fn what_apptainer_cannot_be_told_is_an_error() {
    let comma = Container {
        scratch: "/tmp/a,b".into(),
        ..container()
    };
    assert!(matches!(
        exec(command(), &comma),
        Err(ContainerError::Bind(BindError::Separator(_)))
    ));
}

#[test]
fn a_home_is_told_by_an_argument_and_lies_in_the_scratch_directory() {
    let with = |home: &str| {
        let mut command = command();
        command.environment.insert("HOME".to_owned(), home.into());
        exec(command, &container())
    };
    let own = with("/tmp/run/vllm-0").unwrap();
    let place = own.arguments.iter().position(|word| word == "--home").unwrap();
    assert_eq!(own.arguments[place + 1], "/tmp/run/vllm-0");
    assert!(
        !own.environment.contains_key("APPTAINERENV_HOME"),
        "Apptainer would complain"
    );
    assert_eq!(with("/root"), Err(ContainerError::Home("/root".into())));
}

#[test]
fn what_is_shown_below_tmp_has_a_mount_point_there() {
    let scratch = Path::new("/tmp/run/a");
    let point = |target: &str| mount_point(scratch, Path::new(target));
    assert_eq!(point("/tmp/run/a"), Some("/tmp/run/a/tmp/run/a".into()));
    assert_eq!(point("/var/tmp/x"), Some("/tmp/run/a/tmp/x".into()));
    assert_eq!(point("/tmp"), None);
    assert_eq!(point("/models"), None);
    assert_eq!(point("/tmpfiles"), None);

    let dir = tempfile::tempdir().unwrap();
    let (models, file) = (dir.path().join("models"), dir.path().join("file"));
    fs::create_dir(&models).unwrap();
    fs::write(&file, "").unwrap();
    let bind = |path: &Path, target| Bind::new(path, Path::new(target), Access::ReadOnly).unwrap();
    let container = Container {
        scratch: dir.path().join("scratch"),
        binds: vec![bind(&models, "/tmp/models"), bind(&file, "/var/tmp/deep/file")],
        ..container()
    };
    // A second start of the same instance finds them there.
    for _ in 0..2 {
        prepare(&command(), &container).unwrap();
    }
    assert!(dir.path().join("scratch/tmp/models").is_dir());
    assert!(dir.path().join("scratch/tmp/deep/file").is_file());
    assert!(dir.path().join("scratch/home").is_dir());
}
