//! Texts of real servers. llama.cpp's are whole outputs of its server; those of others are the lines in question, as they are
//! in their sources and in reports of their users.

use hpcbench_recipes::recipe::ServiceKind;

use super::*;
use crate::kinds::find;

/// The lines that the end of a service shows.
const TAIL_LINES: usize = 20;

/// What a kind makes of a log.
fn diagnose_as(kind: &'static str, log: &[String]) -> Option<Diagnosis> {
    diagnose(find(&ServiceKind::named(kind)).unwrap(), log)
}

fn tail(text: &str) -> Vec<String> {
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].to_vec()
}

#[test]
fn llama_servers_failures_are_recognized() {
    for (text, trouble) in [
        (
            include_str!("../../tests/failures/llama-cpp-no-model.txt"),
            Trouble::ModelMissing,
        ),
        (
            include_str!("../../tests/failures/llama-cpp-bad-model.txt"),
            Trouble::ModelDamaged,
        ),
        (
            include_str!("../../tests/failures/llama-cpp-port-taken.txt"),
            Trouble::PortTaken,
        ),
        (
            include_str!("../../tests/failures/llama-cpp-unknown-argument.txt"),
            Trouble::BadArgument,
        ),
        (
            include_str!("../../tests/failures/llama-cpp-bad-value.txt"),
            Trouble::BadArgument,
        ),
        (
            include_str!("../../tests/failures/llama-cpp-no-device.txt"),
            Trouble::BadArgument,
        ),
        (
            include_str!("../../tests/failures/llama-cpp-memory.txt"),
            Trouble::NodeMemory,
        ),
    ] {
        let found = diagnose_as("llama-cpp", &tail(text)).map(|diagnosis| diagnosis.trouble);
        assert_eq!(found, Some(trouble), "{text}");
    }
}

#[test]
fn lines_of_other_servers_are_recognized() {
    for (line, trouble) in [
        (
            "vllm serve: error: unrecognized arguments: --frobnicate 3",
            Trouble::BadArgument,
        ),
        ("OSError: [Errno 98] Address already in use", Trouble::PortTaken),
        (
            "(EngineCore pid=7) torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 224.00 MiB. GPU 0 has a total capacity of 39.39 GiB",
            Trouble::GpuMemory,
        ),
        (
            "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine.",
            Trouble::GpuMemory,
        ),
        (
            "ValueError: The model's max seq len (4096) is larger than the maximum number of tokens that can be stored in KV cache (3664). Try increasing `gpu_memory_utilization` or decreasing `max_model_len` when initializing the engine.",
            Trouble::ContextTooLong,
        ),
        ("RuntimeError: No CUDA GPUs are available", Trouble::GpuAbsent),
        (
            "RuntimeError: The NVIDIA driver on your system is too old (found version 11040).",
            Trouble::DriverTooOld,
        ),
        (
            "OSError: You are trying to access a gated repo.",
            Trouble::ModelForbidden,
        ),
        (
            "ValueError: Total number of attention heads (12) must be divisible by tensor parallel size (8).",
            Trouble::BadParallelism,
        ),
        ("OSError: [Errno 28] No space left on device", Trouble::DiskFull),
        (
            "OSError: [Errno 122] Disk quota exceeded: '/home/ada/.cache'",
            Trouble::DiskFull,
        ),
        (
            "Error: listen tcp 127.0.0.1:11434: bind: address already in use",
            Trouble::PortTaken,
        ),
        (
            "time=2025-09-01T10:00:00.000Z level=WARN msg=\"model requires more system memory (9.1 GiB) than is available (3.2 GiB)\"",
            Trouble::NodeMemory,
        ),
        (
            "FATAL:   \"ollama\": executable file not found in $PATH",
            Trouble::ProgramMissing,
        ),
        (
            "FATAL:   could not open image /x/ollama.sif: failed to retrieve path for /x/ollama.sif: lstat /x/ollama.sif: no such file or directory",
            Trouble::ImageMissing,
        ),
    ] {
        let diagnosis = diagnose_as("vllm", &[String::new(), line.to_owned()]).unwrap();
        assert_eq!(
            (diagnosis.trouble, diagnosis.evidence.is_empty()),
            (trouble, false),
            "{line}"
        );
    }
}

#[test]
fn the_first_cause_counts() {
    let log = [
        "torch.OutOfMemoryError: CUDA out of memory.".to_owned(),
        "OSError: [Errno 28] No space left on device".to_owned(),
    ];
    let diagnosis = diagnose_as("vllm", &log).unwrap();
    assert_eq!(diagnosis.trouble, Trouble::DiskFull);
    assert!(
        diagnosis
            .to_string()
            .starts_with("the disk or the quota is full: free some space")
    );
}

#[test]
fn a_warning_is_no_cause_if_there_is_one() {
    let log = [
        "WARNING [interface.py] Failed to import from vllm._C with ImportError('libcuda.so.1: cannot open shared object file')".to_owned(),
        "OSError: org/model is not a local folder and is not a valid model identifier listed on 'https://huggingface.co/models'".to_owned(),
        "RuntimeError: Engine core initialization failed. See root cause above.".to_owned(),
    ];
    let trouble = |log: &[String]| diagnose_as("vllm", log).map(|diagnosis| diagnosis.trouble);
    assert_eq!(trouble(&log), Some(Trouble::ModelMissing));
    assert_eq!(trouble(&log[..1]), Some(Trouble::GpuAbsent));
}

#[test]
fn what_is_no_failure_has_no_cause() {
    for line in [
        "srv  llama_server: listening on http://127.0.0.1:18433",
        "INFO:     Application startup complete.",
        "level=INFO msg=\"Listening on 127.0.0.1:11434 (version 0.12.6)\"",
        "",
    ] {
        assert_eq!(diagnose_as("vllm", &[line.to_owned()]), None, "{line}");
    }
    let long = format!("CUDA out of memory {}", "é".repeat(10_000));
    let evidence = diagnose_as("vllm", &[long]).unwrap().evidence;
    assert_eq!(evidence.chars().count(), MAX_EVIDENCE_CHARS);
}

#[test]
fn a_kind_advises_in_its_own_options() {
    let log = ["CUDA out of memory".to_owned()];
    let advice = |kind| diagnose_as(kind, &log).unwrap().advice;
    assert!(advice("ollama").contains("options.num_parallel"));
    assert!(advice("llama-cpp").contains("options.gpu_layers"));
    assert!(advice("vllm").contains("options.max_model_len"));
    assert_eq!(advice("vllm-ray"), advice("vllm"));
    assert_eq!(advice("simulator"), Trouble::GpuMemory.advice());
}
