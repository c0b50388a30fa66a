//! Events as lines on standard output.

use std::io::{self, BufWriter, Write};

use hpcbench_core::event::RawEvent;
use hpcbench_core::{Timestamp, upcast};
use hpcbench_recipes::Plan;
use hpcbench_report::live::EventLines;

use super::TypeFilter;

/// How events are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum FeedFormat {
    /// A line for each event that matters to people, with the time since the run began
    #[default]
    Text,
    /// The log's lines as they are: JSON Lines
    Json,
}

/// Prints events, each as one line. Flushing is the caller's: after each batch.
pub(crate) struct Printer<W: Write> {
    to: BufWriter<W>,
    form: Form,
    filter: TypeFilter,
}

enum Form {
    Text {
        lines: Box<EventLines>,
        began: Option<Timestamp>,
    },
    Json,
}

impl<W: Write> Printer<W> {
    /// A printer for the events of this plan's run.
    pub(crate) fn new(plan: &Plan, format: FeedFormat, filter: TypeFilter, to: W) -> Self {
        let form = match format {
            FeedFormat::Text => Form::Text {
                lines: Box::new(EventLines::of(plan)),
                began: None,
            },
            FeedFormat::Json => Form::Json,
        };
        Self {
            to: BufWriter::new(to),
            form,
            filter,
        }
    }

    /// Says when the run began; otherwise it began with the first event that this printer sees.
    pub(crate) fn begin(&mut self, at: Timestamp) {
        if let Form::Text { began, .. } = &mut self.form {
            *began = Some(at);
        }
    }

    /// Prints an event, if it is wanted; `line` is how the log has it, without the line's end.
    ///
    /// # Errors
    /// Nobody reads it, or the disk is full.
    pub(crate) fn event(&mut self, event: &RawEvent, line: &[u8]) -> io::Result<()> {
        let wanted = self.filter.wants(&event.kind);
        match &mut self.form {
            Form::Json if wanted => {
                self.to.write_all(line)?;
                self.to.write_all(b"\n")
            }
            Form::Text { lines, began } => {
                let began = *began.get_or_insert(event.at);
                let known = upcast(event.clone());
                lines.learn(&known);
                if !wanted {
                    return Ok(());
                }
                let told = lines.describe(&known);
                // Whoever asks for a type wants to see it, even if it usually matters only in an audit.
                match told.or_else(|| self.filter.is_explicit().then(|| bare(event))) {
                    Some(text) => writeln!(self.to, "{}", stamped(began, event.at, &text)),
                    None => Ok(()),
                }
            }
            Form::Json => Ok(()),
        }
    }

    /// Hands on what was printed, so that a reader of a pipe has it.
    ///
    /// # Errors
    /// Nobody reads it, or the disk is full.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// A line for people: when, in seconds since the run began, and what.
pub(crate) fn stamped(began: Timestamp, at: Timestamp, text: &str) -> String {
    format!("{:>6.1} s  {text}", at.seconds_since(began))
}

/// The envelope of an event that nobody describes.
fn bare(event: &RawEvent) -> String {
    format!(
        "{} of {}",
        event.kind.escape_debug(),
        event.correlation.escape_debug()
    )
}

#[cfg(test)]
mod tests {
    use hpcbench_core::Seq;
    use serde_json::value::RawValue;

    use super::*;
    use crate::recipe_file::{Overrides, RecipeFile};

    const SECOND: i64 = 1_000_000;
    const RECIPE: &str = "\
schema: hpcbench/v1
name: tiny
service: {kind: simulator}
workload:
  load: {shape: closed, concurrency: 2}
  requests: 5000
  prompts: {source: synthetic, input_tokens: 8, output_tokens: 8}
";

    fn plan() -> Plan {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tiny.yaml");
        std::fs::write(&path, RECIPE).unwrap();
        let recipe = RecipeFile::read(&path, &Overrides::default()).unwrap();
        recipe.plan().unwrap()
    }

    fn event(seq: u64, at: i64, kind: &str, data: &str) -> RawEvent {
        RawEvent {
            seq: Seq(seq),
            at: Timestamp::from_micros(at),
            kind: kind.to_owned(),
            version: 1,
            actor: "orchestrator".to_owned(),
            node: "orchestrator".parse().unwrap(),
            correlation: "run\n".to_owned(),
            causation: None,
            data: RawValue::from_string(data.to_owned()).unwrap(),
        }
    }

    fn printed(format: FeedFormat, globs: &[&str], began: Option<i64>) -> String {
        let globs = globs.iter().map(|glob| glob.parse().unwrap()).collect();
        let mut to = Vec::new();
        let mut printer = Printer::new(&plan(), format, TypeFilter::any_of(globs), &mut to);
        if let Some(began) = began {
            printer.begin(Timestamp::from_micros(began));
        }
        let events = [
            event(1, 10 * SECOND, "bus.requested", r#"{"launch":1}"#),
            event(2, 12 * SECOND, "phase.entered", r#"{"phase":"execute"}"#),
            event(3, 13 * SECOND, "moon.risen", "{}"),
        ];
        for event in &events {
            printer
                .event(event, format!("<{}>", event.seq).as_bytes())
                .unwrap();
        }
        printer.flush().unwrap();
        drop(printer);
        String::from_utf8(to).unwrap()
    }

    #[test]
    fn people_see_what_matters_with_the_time_since_the_first_event() {
        let text = printed(FeedFormat::Text, &[], None);
        assert_eq!(
            text,
            "   2.0 s  phase execute\n   3.0 s  moon.risen (not known to this version)\n"
        );
        let later = printed(FeedFormat::Text, &["phase.*"], Some(0));
        assert_eq!(later, "  12.0 s  phase execute\n");
    }

    #[test]
    fn whoever_asks_for_a_type_sees_it() {
        let text = printed(FeedFormat::Text, &["bus.*"], None);
        assert_eq!(text, "   0.0 s  bus.requested of run\\n\n");
    }

    #[test]
    fn programs_see_the_lines_of_the_log() {
        assert_eq!(printed(FeedFormat::Json, &[], None), "<1>\n<2>\n<3>\n");
        assert_eq!(printed(FeedFormat::Json, &["moon.*"], None), "<3>\n");
    }
}
