//! Finding nodes by JSON pointer.

use super::{Content, Entry, Node, Span};

/// A place in a document: the keys and indexes on the way to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Pointer {
    segments: Vec<String>,
}

impl Pointer {
    /// The document itself.
    pub(crate) fn root() -> Self {
        Self::default()
    }

    /// Reads `/workload/load`.
    pub(crate) fn parse(text: &str) -> Self {
        let segments = text
            .split('/')
            .skip(1)
            .map(|segment| segment.replace("~1", "/").replace("~0", "~"));
        Self {
            segments: segments.collect(),
        }
    }

    /// Reads `workload.load`.
    pub(crate) fn from_dotted(path: &str) -> Self {
        Self {
            segments: path.split('.').map(str::to_owned).collect(),
        }
    }

    /// The place below this one.
    #[must_use]
    pub(crate) fn child(&self, segment: impl Into<String>) -> Self {
        let mut segments = self.segments.clone();
        segments.push(segment.into());
        Self { segments }
    }

    /// The place that lies at `rest` below this one.
    #[must_use]
    pub(crate) fn join(&self, rest: &Self) -> Self {
        Self {
            segments: self.segments.iter().chain(&rest.segments).cloned().collect(),
        }
    }

    /// The keys and indexes on the way.
    pub(crate) fn segments(&self) -> &[String] {
        &self.segments
    }

    /// The place above, and the last segment.
    pub(crate) fn split_last(&self) -> Option<(Self, &str)> {
        let (last, above) = self.segments.split_last()?;
        Some((
            Self {
                segments: above.to_vec(),
            },
            last,
        ))
    }

    /// The way from `above` to here, if this lies at or below it.
    pub(crate) fn below(&self, above: &Self) -> Option<Self> {
        self.segments
            .strip_prefix(above.segments.as_slice())
            .map(|rest| Self {
                segments: rest.to_vec(),
            })
    }
}

impl std::fmt::Display for Pointer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for segment in &self.segments {
            write!(f, "/{}", segment.replace('~', "~0").replace('/', "~1"))?;
        }
        Ok(())
    }
}

impl Node {
    /// The entry of a mapping's key.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.content {
            Content::Mapping(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// The value below a key or index.
    pub(crate) fn child(&self, segment: &str) -> Option<&Node> {
        match &self.content {
            Content::Mapping(_) => self.entry(segment).map(|entry| &entry.value),
            Content::Sequence(items) => segment.parse::<usize>().ok().and_then(|index| items.get(index)),
            _ => None,
        }
    }

    /// The value at a place.
    pub(crate) fn at(&self, pointer: &Pointer) -> Option<&Node> {
        pointer
            .segments()
            .iter()
            .try_fold(self, |node, segment| node.child(segment))
    }

    /// The value at a place, or the nearest one above that exists.
    pub(crate) fn nearest(&self, pointer: &Pointer) -> &Node {
        let mut node = self;
        for segment in pointer.segments() {
            match node.child(segment) {
                Some(child) => node = child,
                None => break,
            }
        }
        node
    }

    /// Where the key at a place stands.
    pub(crate) fn key_span(&self, pointer: &Pointer) -> Option<Span> {
        let (above, key) = pointer.split_last()?;
        self.at(&above)?.entry(key).map(|entry| entry.key_span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pointers_read_back(segments in proptest::collection::vec("[a-z~/ ]{0,6}", 0..5)) {
            let pointer = Pointer { segments };
            prop_assert_eq!(Pointer::parse(&pointer.to_string()), pointer);
        }
    }
}
