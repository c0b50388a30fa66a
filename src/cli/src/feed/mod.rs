//! A run's events on their way to whoever watches: rendered in one way, whether they have just happened or are played
//! from the log.

mod bus;
mod file;
mod filter;
mod line;
mod printer;
mod sequence;
mod source;

pub(crate) use filter::{TypeFilter, TypeGlob};
pub(crate) use printer::{FeedFormat, Printer, stamped};
pub(crate) use source::{Feed, Step};
