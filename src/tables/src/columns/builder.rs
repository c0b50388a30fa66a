//! Columns that know where in a record their values come from.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{
    BooleanBuilder, ListBuilder, MapBuilder, MapFieldNames, PrimitiveBuilder, StringBuilder, UInt64Builder,
};
use arrow_array::types::ArrowPrimitiveType;
use arrow_schema::{DataType, Field, Fields};
use hpcbench_records::{Record, StreamEvents};

/// One column.
pub(super) struct Column {
    pub(super) field: Field,
    pub(super) source: Box<dyn Source + Send>,
}

/// Collects one column's values.
pub(super) trait Source {
    fn append(&mut self, record: &Record);
    fn finish(&mut self) -> ArrayRef;
}

impl Column {
    /// Null is not allowed.
    pub(super) fn required(mut self) -> Self {
        self.field = self.field.with_nullable(false);
        self
    }
}

/// A column of numbers.
pub(super) fn number<T: ArrowPrimitiveType>(name: &str, get: fn(&Record) -> Option<T::Native>) -> Column {
    let source = Number {
        get,
        builder: PrimitiveBuilder::<T>::new(),
    };
    Column {
        field: Field::new(name, T::DATA_TYPE, true),
        source: Box::new(source),
    }
}

/// A column of text.
pub(super) fn text(name: &str, get: fn(&Record) -> Option<&str>) -> Column {
    let source = Text {
        get,
        builder: StringBuilder::new(),
    };
    Column {
        field: Field::new(name, DataType::Utf8, true),
        source: Box::new(source),
    }
}

/// A column of yes and no.
pub(super) fn boolean(name: &str, get: fn(&Record) -> bool) -> Column {
    let source = Boolean {
        get,
        builder: BooleanBuilder::new(),
    };
    Column {
        field: Field::new(name, DataType::Boolean, false),
        source: Box::new(source),
    }
}

/// A column of lists with one entry an event.
pub(super) fn per_event<T: ArrowPrimitiveType>(
    name: &str,
    entries_nullable: bool,
    append: fn(&StreamEvents, &mut PrimitiveBuilder<T>),
) -> Column {
    let entry = Arc::new(Field::new_list_field(T::DATA_TYPE, entries_nullable));
    let builder = ListBuilder::new(PrimitiveBuilder::<T>::new()).with_field(entry.clone());
    let field = Field::new(name, DataType::List(entry), false);
    Column {
        field,
        source: Box::new(PerEvent { append, builder }),
    }
}

/// The column of the durations that servers report.
pub(super) fn server_durations(name: &str) -> Column {
    let names = MapFieldNames {
        entry: "key_value".into(),
        key: "key".into(),
        value: "value".into(),
    };
    let key = Arc::new(Field::new("key", DataType::Utf8, false));
    let value = Arc::new(Field::new("value", DataType::UInt64, false));
    let entries = DataType::Struct(Fields::from(vec![key.clone(), value.clone()]));
    let builder = MapBuilder::new(Some(names), StringBuilder::new(), UInt64Builder::new())
        .with_keys_field(key)
        .with_values_field(value);
    let map = DataType::Map(Arc::new(Field::new("key_value", entries, false)), false);
    Column {
        field: Field::new(name, map, false),
        source: Box::new(ServerDurations(builder)),
    }
}

struct Number<T: ArrowPrimitiveType> {
    get: fn(&Record) -> Option<T::Native>,
    builder: PrimitiveBuilder<T>,
}

impl<T: ArrowPrimitiveType> Source for Number<T> {
    fn append(&mut self, record: &Record) {
        self.builder.append_option((self.get)(record));
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.builder.finish())
    }
}

struct Text {
    get: fn(&Record) -> Option<&str>,
    builder: StringBuilder,
}

impl Source for Text {
    fn append(&mut self, record: &Record) {
        self.builder.append_option((self.get)(record));
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.builder.finish())
    }
}

struct Boolean {
    get: fn(&Record) -> bool,
    builder: BooleanBuilder,
}

impl Source for Boolean {
    fn append(&mut self, record: &Record) {
        self.builder.append_value((self.get)(record));
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.builder.finish())
    }
}

struct PerEvent<T: ArrowPrimitiveType> {
    append: fn(&StreamEvents, &mut PrimitiveBuilder<T>),
    builder: ListBuilder<PrimitiveBuilder<T>>,
}

impl<T: ArrowPrimitiveType> Source for PerEvent<T> {
    fn append(&mut self, record: &Record) {
        (self.append)(&record.events, self.builder.values());
        self.builder.append(true);
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.builder.finish())
    }
}

struct ServerDurations(MapBuilder<StringBuilder, UInt64Builder>);

impl Source for ServerDurations {
    fn append(&mut self, record: &Record) {
        for (name, duration) in &record.server_ns {
            self.0.keys().append_value(name);
            self.0.values().append_value(*duration);
        }
        #[expect(clippy::expect_used, reason = "every key above was given its value")]
        self.0.append(true).expect("as many keys as values");
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.0.finish())
    }
}
