//! Line to event.

use std::borrow::Cow;
use std::fmt;

use hpcbench_core::{NodeId, Seq, Timestamp};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{MAX_LINE_BYTES, SUM_DIGITS, SUM_KEY, TAIL_BYTES, digest, tail_of};
use crate::{LineFault, LineHash};

/// A line whose `sum` is right, borrowed from its bytes. Its place in the chain is not yet checked.
#[derive(Debug)]
pub(crate) struct Decoded<'a> {
    pub(crate) seq: Seq,
    pub(crate) prev: LineHash,
    pub(crate) kind: Cow<'a, str>,
    pub(crate) durable: Seq,
    pub(crate) data: &'a RawValue,
    pub(crate) hash: LineHash,
    pub(crate) at: Timestamp,
    pub(crate) version: u16,
    pub(crate) actor: Cow<'a, str>,
    pub(crate) node: NodeId,
    pub(crate) correlation: Cow<'a, str>,
    pub(crate) causation: Option<Seq>,
}

/// Reads a line (without its newline) and checks its `sum`.
pub(crate) fn decode(line: &[u8]) -> Result<Decoded<'_>, LineFault> {
    if line.len() > MAX_LINE_BYTES {
        return Err(LineFault::TooLong {
            limit: MAX_LINE_BYTES,
        });
    }
    let body = line.len().checked_sub(TAIL_BYTES).map(|end| line.split_at(end));
    let Some((body, tail)) = body.filter(|(_, tail)| tail.starts_with(SUM_KEY)) else {
        return Err(LineFault::NoSum);
    };
    let (sum, hash) = digest(body);
    if tail != tail_of(sum) {
        return Err(LineFault::WrongSum {
            actual: String::from_utf8_lossy(&sum).into_owned(),
            stated: String::from_utf8_lossy(&tail[SUM_KEY.len() + 1..][..SUM_DIGITS]).into_owned(),
        });
    }
    // Looking once whether all of it is text is quicker than at each string; only its error says less.
    let fields: Fields<'_> = match str::from_utf8(line) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(line),
    }
    .map_err(LineFault::NotAnEvent)?;
    Ok(fields.with_hash(hash))
}

/// A string that is borrowed if it has no escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

/// The fields of a line, demanded in their order.
struct Fields<'a>(Decoded<'a>);

impl<'a> Fields<'a> {
    fn with_hash(self, hash: LineHash) -> Decoded<'a> {
        Decoded { hash, ..self.0 }
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let map = &mut map;
        let seq = field(map, "seq")?;
        let Text(prev) = field(map, "prev")?;
        let prev =
            LineHash::from_hex(&prev).ok_or_else(|| A::Error::custom("`prev` is not 64 hex digits"))?;
        let Text(at) = field(map, "at")?;
        let at = at.parse().map_err(A::Error::custom)?;
        let Text(kind) = field(map, "type")?;
        let version = field(map, "v")?;
        let Text(actor) = field(map, "actor")?;
        let node = field(map, "node")?;
        let Text(correlation) = field(map, "correlation")?;
        let causation = field(map, "causation")?;
        let durable = field(map, "durable")?;
        let data: &RawValue = field(map, "data")?;
        if !data.get().starts_with('{') {
            return Err(A::Error::custom("`data` is not an object"));
        }
        let Text(_) = field(map, "sum")?;
        if map.next_key::<Text<'_>>()?.is_some() {
            return Err(A::Error::custom("a field follows `sum`"));
        }
        let hash = LineHash::EMPTY;
        let decoded = Decoded {
            seq,
            prev,
            kind,
            durable,
            data,
            hash,
            at,
            version,
            actor,
            node,
            correlation,
            causation,
        };
        Ok(Fields(decoded))
    }
}

/// The value of the next field, which has to be `name`.
fn field<'de, A: MapAccess<'de>, T: Deserialize<'de>>(
    map: &mut A,
    name: &'static str,
) -> Result<T, A::Error> {
    match map.next_key::<Text<'de>>()? {
        Some(Text(key)) if key == name => map.next_value(),
        Some(Text(key)) => Err(A::Error::custom(format_args!(
            "field `{key}` stands where `{name}` belongs"
        ))),
        None => Err(A::Error::missing_field(name)),
    }
}
