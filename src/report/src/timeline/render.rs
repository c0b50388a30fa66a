//! The rows as text.

use std::fmt::Write;

use super::{Row, Shape, Timeline};
use crate::words::{Colour, Style, bytes, clock, count, push_wrapped, seconds};

/// A row, and whether no more events belong to it.
struct Line<'a> {
    row: &'a Row,
    is_over: bool,
}

/// Columns that depend on the history.
struct Layout {
    time: usize,
    took: usize,
    seq: usize,
    kind: usize,
    style: Style,
}

impl Timeline {
    /// The history as text: who started the run and with what, then the rows with their time since the first event, how
    /// long they took, their events' numbers, the last event's type and what it says.
    pub fn render(&self, style: Style) -> String {
        let mut text = String::new();
        self.audit.push(&mut text, style);
        let rows = self
            .rows()
            .into_iter()
            .map(|(row, is_over)| Line { row, is_over });
        let rows: Vec<Line<'_>> = rows.collect();
        if !rows.is_empty() {
            let layout = Layout::of(&rows, style);
            layout.push_titles(&mut text);
            for line in &rows {
                layout.push_row(&mut text, line);
            }
        }
        self.push_end(&mut text);
        text
    }

    fn push_end(&self, text: &mut String) {
        if self.files.count > 0 {
            let (files, size) = (count(self.files.count, "file"), bytes(self.files.bytes));
            let _ = writeln!(text, "\n{files} beside the log, {size}");
        }
        if !self.ended {
            let gap = if text.is_empty() { "" } else { "\n" };
            let _ = writeln!(text, "{gap}the run has not ended here");
        }
    }
}

impl Layout {
    fn of(lines: &[Line<'_>], style: Style) -> Self {
        let widest = |of: &dyn Fn(&Line<'_>) -> usize| lines.iter().map(of).max().unwrap_or_default();
        Self {
            time: widest(&|line| clock(line.row.from as f64 / 1e6).len()),
            took: widest(&|line| line.took().len()).max("TOOK".len()),
            seq: widest(&|line| line.numbers().len()).max("SEQ".len()),
            kind: widest(&|line| {
                if line.row.shape == Shape::Detail {
                    line.row.kind.len()
                } else {
                    0
                }
            }),
            style,
        }
    }

    fn push_titles(&self, text: &mut String) {
        let Self { time, took, seq, .. } = self;
        let titles = format!("{:>time$}  {:>took$}  {:>seq$}  EVENT", "TIME", "TOOK", "SEQ");
        text.push_str(&self.style.paint(Colour::Dim, &titles));
        text.push('\n');
    }

    fn push_row(&self, text: &mut String, line: &Line<'_>) {
        let row = line.row;
        let Self {
            time,
            took: width,
            seq,
            kind,
            ..
        } = self;
        let at = clock(row.from as f64 / 1e6);
        let mut columns = format!("{at:>time$}  {:>width$}  {:>seq$}  ", line.took(), line.numbers());
        let words = match row.shape {
            Shape::Epoch => row.text.clone(),
            Shape::Phase => format!("phase {}", row.text),
            Shape::Detail => {
                let name = if row.text.is_empty() {
                    row.kind.clone()
                } else {
                    format!("{:kind$}", row.kind)
                };
                let _ = write!(columns, "  {name}{}", if row.text.is_empty() { "" } else { "  " });
                row.text.clone()
            }
        };
        let mut block = String::new();
        push_wrapped(&mut block, &columns, &words, self.style.width);
        let trimmed = block.trim_end();
        match row.colour {
            Some(colour) => text.push_str(&self.style.paint(colour, trimmed)),
            None => text.push_str(trimmed),
        }
        text.push('\n');
        for line in &row.log {
            let indent = columns.chars().count();
            let _ = writeln!(text, "{:indent$}| {line}", "");
        }
    }
}

impl Line<'_> {
    /// How long the row took; nothing for a single event, dots for what is not over.
    fn took(&self) -> String {
        let row = self.row;
        if !self.is_over {
            "...".to_owned()
        } else if row.events.len() == 1 && row.shape != Shape::Phase {
            String::new()
        } else {
            seconds((row.to - row.from) as f64 / 1e6)
        }
    }

    /// The numbers of the row's events; others may be between them.
    fn numbers(&self) -> String {
        let (first, last) = (self.row.first(), self.row.last());
        if first == last {
            first.to_string()
        } else {
            format!("{first}-{last}")
        }
    }
}
