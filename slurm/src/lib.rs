//! Slurm: job scripts, submission, allocations, steps, queue and accounting. The only place that knows Slurm.
