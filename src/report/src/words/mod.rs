//! How numbers, names and foreign texts are shown to people.

mod names;
mod numbers;
mod parameters;
mod service;
mod shell;
mod style;
mod text;
mod wrap;

pub(crate) use names::{date, node_name};
pub use numbers::seconds as length_of_time;
pub(crate) use numbers::{bytes, clock, count, milliseconds, rate, seconds, three_digits};
pub use parameters::ParameterNames;
pub(crate) use parameters::shown;
pub(crate) use service::after_readiness;
pub(crate) use shell::shell_words;
pub(crate) use style::Colour;
pub use style::Style;
pub(crate) use text::one_line;
pub(crate) use wrap::push_wrapped;
