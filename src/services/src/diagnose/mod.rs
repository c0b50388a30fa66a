//! Why a server failed, by what it said itself.

mod signs;
#[cfg(test)]
mod tests;

use std::fmt;

use hpcbench_recipes::recipe::ServiceKind;

use self::signs::SIGNS;

/// Longest line of a log that is shown.
const MAX_EVIDENCE_CHARS: usize = 300;

/// Lines at the end of a log that are worth a look: servers of several processes tell the cause long before they end.
pub const DIAGNOSIS_LINES: usize = 1000;

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
}

/// What a failure comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// The cause.
    pub trouble: Trouble,
    /// What to do about it.
    pub advice: &'static str,
    /// The line of the log that says so, shortened.
    pub evidence: String,
}

impl fmt::Display for Diagnosis {
    /// One line: the cause, the advice.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.trouble.what(), self.advice)
    }
}

/// What the last lines of a failed server's logs, [`DIAGNOSIS_LINES`] of each if there are so many, say about its failure; `None`:
/// nothing that is known.
pub fn diagnose(kind: ServiceKind, log_tail: &[String]) -> Option<Diagnosis> {
    // A cause that comes first in the table explains those after it: a server without a GPU complains about memory, too.
    SIGNS.iter().find_map(|sign| {
        let line = log_tail.iter().find(|line| sign.is_in(line))?;
        Some(Diagnosis {
            trouble: sign.trouble,
            advice: signs::advice(sign.trouble, kind),
            evidence: line.trim().chars().take(MAX_EVIDENCE_CHARS).collect(),
        })
    })
}
