//! Causes of failures.

/// A cause of failure that has a remedy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// The container's image is not there.
    ImageMissing,
    /// The program is not there, on the node or in the image.
    ProgramMissing,
    /// The server does not know an argument, or not its value.
    BadArgument,
    /// Somebody else listens on the port, or the address is not this node's.
    PortTaken,
    /// The model needs a licence or token that Hugging Face asks for.
    ModelForbidden,
    /// The model is not there.
    ModelMissing,
    /// The model's file cannot be read as one.
    ModelDamaged,
    /// A request may be longer than the model or the server's memory allows.
    ContextTooLong,
    /// The model cannot be divided among so many GPUs.
    BadParallelism,
    /// The memory of a GPU is full.
    GpuMemory,
    /// The memory of the node, or what the job has of it, is full.
    NodeMemory,
    /// The driver is too old for the server.
    DriverTooOld,
    /// There is no GPU.
    GpuAbsent,
    /// The disk, or the quota on it, is full.
    DiskFull,
}

impl Trouble {
    /// What it is, in the form of "the server failed: …".
    pub const fn what(self) -> &'static str {
        match self {
            Self::ImageMissing => "the container's image is not there",
            Self::ProgramMissing => "the program is not there",
            Self::BadArgument => "the server does not accept an argument",
            Self::PortTaken => "the port is taken, or the address is not this node's",
            Self::ModelForbidden => "Hugging Face refuses to hand out the model",
            Self::ModelMissing => "the model is not there",
            Self::ModelDamaged => "the model's file is damaged or of another format",
            Self::ContextTooLong => "requests may be longer than the model or the memory allows",
            Self::BadParallelism => "the model cannot be divided among so many GPUs",
            Self::GpuMemory => "the memory of a GPU is full",
            Self::NodeMemory => "the node's memory is full",
            Self::DriverTooOld => "the GPU's driver is too old for this server",
            Self::GpuAbsent => "there is no GPU",
            Self::DiskFull => "the disk or the quota is full",
        }
    }
    /// What to do about it, whatever the kind; what a kind's own options can do, [it](crate::Service::advice) says itself.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::ImageMissing => "look at service.image.path, and whether the node sees that directory",
            Self::ProgramMissing => "look at options.program and PATH, or name an image that has it",
            Self::BadArgument => "look at options.extra_args and at the server's version",
            Self::PortTaken => {
                "start it again: another port is chosen; look at network.interface if it recurs"
            }
            Self::ModelForbidden => {
                "accept the model's licence, and give a token: secrets: {HF_TOKEN: {file: ~/.hf_token}}"
            }
            Self::ModelMissing => "look at the model's name and at the server's directory of models",
            Self::ModelDamaged => "fetch it again, and look whether the server's version knows its format",
            Self::ContextTooLong => {
                "lower the longest request that it is to take, or give it more GPU memory"
            }
            Self::BadParallelism => "choose a number of GPUs that divides the model's attention heads",
            Self::GpuMemory => "give it a smaller model or more GPUs",
            Self::NodeMemory => "ask for more memory (nodes.servers.memory), or use a smaller model",
            Self::DriverTooOld => {
                "use an image built for an older CUDA version, or nodes with a newer driver"
            }
            Self::GpuAbsent => {
                "ask for GPUs (nodes.servers.gpus), and look at CUDA_VISIBLE_DEVICES on the node"
            }
            Self::DiskFull => "free some space, or move storage.scratch and the model's directory elsewhere",
        }
    }
}
