//! How numbers, names and foreign texts are shown to people.

mod numbers;
mod parameters;
mod text;

pub(crate) use numbers::{count, milliseconds, seconds};
pub(crate) use parameters::ParameterNames;
pub(crate) use text::one_line;
