//! Versions of `cancel.requested`. Version 2 says who asked, in `user` and `host`; before, it was at best in the words of
//! `reason`.

use serde_json::{Map, Value};

use super::chain::Step;

/// From version 1, which does not know who asked.
pub(super) const FROM_1: Step = Step {
    kind: "cancel.requested",
    from: 1,
    apply: from_1,
};

fn from_1(mut data: Map<String, Value>) -> Map<String, Value> {
    data.insert("user".to_owned(), Value::Null);
    data.insert("host".to_owned(), Value::Null);
    data
}
