//! What a setting can be: how its value is read, checked and shown.

use std::time::Duration;

use super::super::settings::{Config, Overflow, SerializerKind};
use super::super::value::{Value, nanos_of, nanos_text, size_text, time_text};

/// Where in a [`Config`] a setting lives.
pub(in super::super) struct Field<T> {
    pub(super) get: fn(&Config) -> T,
    pub(super) set: fn(&mut Config, T),
}

/// What a setting is: its type, its place and the range it allows, both ends included.
pub(in super::super) enum Slot {
    Flag(Field<bool>),
    Count(Field<usize>, (usize, usize)),
    Size(Field<usize>, (usize, usize)),
    Time(Field<Duration>, (Duration, Duration)),
    Text(Field<String>),
    /// Texts, with commas between them where a list cannot be written, and how many there must be at least.
    List(Field<Vec<String>>, usize),
    Serializer(Field<SerializerKind>),
    Overflow(Field<Overflow>),
}

/// Why a value was not taken.
#[derive(Debug, PartialEq)]
pub(in super::super) enum Refusal {
    Malformed(String),
    OutOfRange { value: String, allowed: String },
}
impl Slot {
    pub(in super::super) fn kind(&self) -> &'static str {
        match self {
            Slot::Flag(_) => "flag",
            Slot::Count(..) => "number",
            Slot::Size(..) => "size",
            Slot::Time(..) => "duration",
            Slot::Text(_) => "text",
            Slot::List(..) => "list",
            Slot::Serializer(_) => "json or protobuf",
            Slot::Overflow(_) => "close or drop",
        }
    }

    /// The allowed range in words, empty where every value of the type is allowed.
    pub(in super::super) fn allowed(&self) -> String {
        match self {
            Slot::Count(_, (low, high)) => format!("{low} to {high}"),
            Slot::Size(_, (low, high)) => {
                format!("{} to {}", size_text(wide(*low)), size_text(wide(*high)))
            }
            Slot::Time(_, (low, high)) => format!("{} to {}", time_text(*low), time_text(*high)),
            Slot::Flag(_)
            | Slot::Text(_)
            | Slot::List(..)
            | Slot::Serializer(_)
            | Slot::Overflow(_) => String::new(),
        }
    }

    /// The value a configuration has here, as it would be written.
    pub(in super::super) fn text(&self, config: &Config) -> String {
        match self {
            Slot::Flag(field) => (field.get)(config).to_string(),
            Slot::Count(field, _) => (field.get)(config).to_string(),
            Slot::Size(field, _) => size_text(wide((field.get)(config))),
            Slot::Time(field, _) => time_text((field.get)(config)),
            Slot::Text(field) => (field.get)(config),
            Slot::List(field, _) => (field.get)(config).join(","),
            Slot::Serializer(field) => match (field.get)(config) {
                SerializerKind::Json => "json".to_owned(),
                SerializerKind::Protobuf => "protobuf".to_owned(),
            },
            Slot::Overflow(field) => match (field.get)(config) {
                Overflow::Close => "close".to_owned(),
                Overflow::Drop => "drop".to_owned(),
            },
        }
    }

    /// Reads `value` as this setting's type and stores it, if it is in range.
    pub(in super::super) fn apply(
        &self,
        config: &mut Config,
        value: &Value,
    ) -> Result<(), Refusal> {
        match self {
            Slot::Flag(field) => (field.set)(config, value.to_flag().map_err(Refusal::Malformed)?),
            Slot::Count(field, (low, high)) => {
                let count = value.to_count().map_err(Refusal::Malformed)?;
                let count = usize::try_from(count)
                    .ok()
                    .filter(|count| (low..=high).contains(&count));
                (field.set)(
                    config,
                    count.ok_or_else(|| self.out_of_range(value.to_string()))?,
                );
            }
            Slot::Size(field, (low, high)) => {
                let size = value.to_size().map_err(Refusal::Malformed)?;
                let size = usize::try_from(size)
                    .ok()
                    .filter(|size| (low..=high).contains(&size));
                (field.set)(
                    config,
                    size.ok_or_else(|| self.out_of_range(value.to_string()))?,
                );
            }
            Slot::Time(field, range) => {
                let nanos = value.to_nanos().map_err(Refusal::Malformed)?;
                let time = time_within(nanos, *range)
                    .ok_or_else(|| self.out_of_range(nanos_text(nanos)))?;
                (field.set)(config, time);
            }
            Slot::Text(field) => (field.set)(config, text(value)?),
            Slot::List(field, least) => {
                let list = list(value)?;
                if list.len() < *least {
                    return Err(self.out_of_range("nothing".to_owned()));
                }
                (field.set)(config, list);
            }
            Slot::Serializer(field) => (field.set)(config, serializer(value)?),
            Slot::Overflow(field) => (field.set)(config, overflow(value)?),
        }
        Ok(())
    }

    /// Checks a value that was stored without [`Slot::apply`]: in code, in a struct.
    pub(in super::super) fn check(&self, config: &Config) -> Result<(), Refusal> {
        let fits = match self {
            Slot::Count(field, (low, high)) | Slot::Size(field, (low, high)) => {
                (low..=high).contains(&&(field.get)(config))
            }
            Slot::Time(field, (low, high)) => (low..=high).contains(&&(field.get)(config)),
            Slot::List(field, least) => (field.get)(config).len() >= *least,
            Slot::Flag(_) | Slot::Text(_) | Slot::Serializer(_) | Slot::Overflow(_) => true,
        };
        if fits {
            Ok(())
        } else {
            Err(self.out_of_range(self.text(config)))
        }
    }

    fn out_of_range(&self, value: String) -> Refusal {
        let allowed = match self {
            Slot::List(_, least) => format!("at least {least}"),
            _ => self.allowed(),
        };
        Refusal::OutOfRange { value, allowed }
    }
}

fn wide(size: usize) -> i128 {
    i128::try_from(size).unwrap_or(i128::MAX)
}

fn time_within(nanos: i128, (low, high): (Duration, Duration)) -> Option<Duration> {
    if nanos < nanos_of(low)? || nanos > nanos_of(high)? {
        return None;
    }
    u64::try_from(nanos).ok().map(Duration::from_nanos)
}

fn text(value: &Value) -> Result<String, Refusal> {
    match value {
        Value::Text(text) => Ok(text.clone()),
        // A password may look like a number.
        Value::Flag(_) | Value::Int(_) => Ok(value.to_string()),
        _ => Err(Refusal::Malformed(format!("{value} is no text"))),
    }
}

fn list(value: &Value) -> Result<Vec<String>, Refusal> {
    let trimmed = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    match value {
        Value::List(values) => {
            let texts: Vec<_> = values.iter().map(text).collect::<Result<_, _>>()?;
            Ok(texts.iter().filter_map(|text| trimmed(text)).collect())
        }
        Value::Text(text) => Ok(text.split(',').filter_map(trimmed).collect()),
        _ => Err(Refusal::Malformed(format!(
            "{value} is no list, write one such as \"a,b\""
        ))),
    }
}

fn serializer(value: &Value) -> Result<SerializerKind, Refusal> {
    match word(value).as_str() {
        "json" | "1" => Ok(SerializerKind::Json),
        "protobuf" | "2" => Ok(SerializerKind::Protobuf),
        _ => Err(Refusal::Malformed(format!(
            "{value} is not a serializer, write json (or 1) or protobuf (or 2)"
        ))),
    }
}

fn overflow(value: &Value) -> Result<Overflow, Refusal> {
    match word(value).as_str() {
        "close" => Ok(Overflow::Close),
        "drop" => Ok(Overflow::Drop),
        _ => Err(Refusal::Malformed(format!(
            "{value} is not a way to overflow, write close or drop"
        ))),
    }
}

/// A value that stands for one of a few words.
fn word(value: &Value) -> String {
    match value {
        Value::Text(text) => text.trim().to_ascii_lowercase(),
        other => other.to_string(),
    }
}
