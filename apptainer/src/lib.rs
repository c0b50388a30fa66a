//! Apptainer: images, and how a command runs inside one. The only place that knows Apptainer.
