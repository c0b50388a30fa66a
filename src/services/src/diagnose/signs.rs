//! What servers write when they fail.

use super::Trouble;

/// Words that stand in one line of a log, and what they are a sign of.
pub(super) struct Sign {
    pub(super) trouble: Trouble,
    words: &'static [&'static str],
}

impl Sign {
    pub(super) fn is_in(&self, line: &str) -> bool {
        self.words.iter().all(|word| line.contains(word))
    }
}

const fn sign(trouble: Trouble, words: &'static [&'static str]) -> Sign {
    Sign { trouble, words }
}

/// The signs, the most telling first.
pub(super) const SIGNS: &[Sign] = &[
    // Apptainer.
    sign(
        Trouble::ImageMissing,
        &["could not open image", "no such file or directory"],
    ),
    sign(
        Trouble::ProgramMissing,
        &["FATAL:", "executable file not found in $PATH"],
    ),
    sign(
        Trouble::ProgramMissing,
        &["FATAL:", "stat ", "no such file or directory"],
    ),
    // Disk, before everything that fails because of it.
    sign(Trouble::DiskFull, &["No space left on device"]),
    sign(Trouble::DiskFull, &["no space left on device"]),
    sign(Trouble::DiskFull, &["Disk quota exceeded"]),
    sign(Trouble::DiskFull, &["disk quota exceeded"]),
    // Arguments: llama.cpp, then Python's argparse and vLLM's configuration.
    sign(Trouble::BadArgument, &["error: invalid argument: "]),
    sign(Trouble::BadArgument, &["error while handling argument "]),
    sign(Trouble::BadArgument, &["error: unrecognized arguments: "]),
    sign(Trouble::BadArgument, &["error: argument "]),
    // Ports: llama.cpp, Go, Python.
    sign(Trouble::PortTaken, &["couldn't bind HTTP server socket"]),
    sign(Trouble::PortTaken, &["bind: address already in use"]),
    sign(Trouble::PortTaken, &["bind: cannot assign requested address"]),
    sign(Trouble::PortTaken, &["[Errno 98]"]),
    sign(Trouble::PortTaken, &["[Errno 99]"]),
    // Drivers and GPUs, before the memory that a server then does not find.
    sign(
        Trouble::DriverTooOld,
        &["NVIDIA driver on your system is too old"],
    ),
    sign(
        Trouble::DriverTooOld,
        &["CUDA driver version is insufficient for CUDA runtime version"],
    ),
    sign(Trouble::GpuAbsent, &["Found no NVIDIA driver on your system"]),
    sign(Trouble::GpuAbsent, &["No CUDA GPUs are available"]),
    sign(Trouble::GpuAbsent, &["Failed to infer device type"]),
    sign(Trouble::GpuAbsent, &["no CUDA-capable device is detected"]),
    // Models: Hugging Face, then llama.cpp and Ollama.
    sign(
        Trouble::ModelForbidden,
        &["You are trying to access a gated repo"],
    ),
    sign(Trouble::ModelForbidden, &["Cannot access gated repo"]),
    sign(Trouble::ModelForbidden, &["401 Client Error"]),
    sign(Trouble::ModelMissing, &["Repository Not Found for url"]),
    sign(
        Trouble::ModelMissing,
        &["is not a local folder and is not a valid model identifier"],
    ),
    sign(
        Trouble::ModelMissing,
        &["Cannot find an appropriate cached snapshot folder"],
    ),
    sign(Trouble::ModelMissing, &["outgoing traffic has been disabled"]),
    sign(
        Trouble::ModelMissing,
        &["We couldn't connect to 'https://huggingface.co'"],
    ),
    sign(
        Trouble::ModelMissing,
        &["failed to open GGUF file", "No such file or directory"],
    ),
    sign(
        Trouble::ModelMissing,
        &["model ", " not found, try pulling it first"],
    ),
    sign(
        Trouble::ModelDamaged,
        &["gguf_init_from_", "invalid magic characters"],
    ),
    sign(Trouble::ModelDamaged, &["unknown model architecture"]),
    // Lengths and divisions: vLLM.
    sign(
        Trouble::ContextTooLong,
        &[
            "User-specified max_model_len",
            "is greater than the derived max_model_len",
        ],
    ),
    sign(
        Trouble::ContextTooLong,
        &[
            "max seq len",
            "is larger than the maximum number of tokens that can be stored in KV cache",
        ],
    ),
    sign(
        Trouble::ContextTooLong,
        &[
            "max seq len",
            "KV cache is needed, which is larger than the available KV cache memory",
        ],
    ),
    sign(
        Trouble::BadParallelism,
        &["must be divisible by tensor parallel size"],
    ),
    // Memory.
    sign(Trouble::GpuMemory, &["CUDA out of memory"]),
    sign(Trouble::GpuMemory, &["cudaMalloc failed: out of memory"]),
    sign(Trouble::GpuMemory, &["CUDA error: out of memory"]),
    sign(Trouble::GpuMemory, &["No available memory for the cache blocks"]),
    sign(
        Trouble::GpuMemory,
        &[
            "Free memory on device",
            "is less than desired GPU memory utilization",
        ],
    ),
    sign(Trouble::NodeMemory, &["model requires more system memory"]),
    sign(Trouble::NodeMemory, &["std::bad_alloc"]),
    sign(Trouble::NodeMemory, &["failed to allocate CPU buffer"]),
    sign(Trouble::NodeMemory, &["oom-kill event"]),
    sign(Trouble::NodeMemory, &["Cannot allocate memory"]),
    // Only a warning where a server can do without.
    sign(
        Trouble::GpuAbsent,
        &["libcuda.so.1: cannot open shared object file"],
    ),
];
