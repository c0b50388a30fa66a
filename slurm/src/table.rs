//! Tables of fixed width, as squeue and sinfo print them with `-O`.
//!
//! `--json` depends on how Slurm was built, differs between versions and ignores filters. Here a field is cut to its width
//! and followed by a bar at a place that is known, so that no value can be mistaken for the next one.

/// What stands behind each field.
const SEPARATOR: u8 = b'|';

/// The fields that are asked for, and how many bytes each gets.
pub(crate) struct Table<const N: usize>(pub(crate) [(&'static str, usize); N]);

impl<const N: usize> Table<N> {
    /// The argument of `-O`.
    pub(crate) fn format(&self) -> String {
        let field = |(name, width)| format!("{name}:{width}{}", char::from(SEPARATOR));
        self.0.map(field).join(",")
    }

    /// The fields of a line, without the blanks around them; none for a line of another shape.
    pub(crate) fn row<'l>(&self, line: &'l str) -> Option<[&'l str; N]> {
        let mut rest = line.as_bytes();
        let mut fields = [""; N];
        for ((_, width), field) in self.0.iter().zip(&mut fields) {
            let (value, behind) = rest.split_at_checked(*width)?;
            *field = std::str::from_utf8(value).ok()?.trim();
            rest = behind.strip_prefix(&[SEPARATOR])?;
        }
        Some(fields)
    }

    /// A line with these fields, as Slurm prints it.
    #[cfg(test)]
    pub(crate) fn printed(&self, fields: [&str; N]) -> String {
        let cells = fields
            .iter()
            .zip(self.0)
            .map(|(field, (_, width))| format!("{field:<width$.width$}|"));
        cells.collect::<String>() + "\n"
    }
}
