//! Putting the layers together: reads every document, judges every entry, lets the highest layer win.
//!
//! Never stops at the first mistake: one start of a server shows all there is to correct.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use ::config::{File, FileFormat, Source, ValueKind};

use super::Config;
use super::names::{Found, Known, Names, distance};
use super::report::{ConfigError, Origin, Problem, Reason, Warning};
use super::schema::{self, KEYS, Key, Refusal};
use super::settings::INFLATED_PER_PACKET;
use super::sources::{Document, FILE_VARIABLE, Format, Sources};
use super::value::{Value, size_text};

const ROOT: &str = "pitaya";
const FILE_NAMES: [&str; 4] = ["pitaya.toml", "pitaya.yaml", "pitaya.yml", "pitaya.json"];

/// One `key = value` of a layer, the key as it was written.
struct Entry {
    key: String,
    value: Value,
}

/// What has been put together so far.
struct Loader {
    names: Names,
    config: Config,
    /// For each of [`KEYS`] the layer that set it, if one did.
    origins: Vec<Option<Origin>>,
    problems: Vec<Problem>,
    warnings: Vec<Warning>,
}

pub(super) fn load(sources: Sources) -> Result<(Config, Vec<Warning>), ConfigError> {
    let mut loader = Loader {
        names: Names::new(),
        config: sources.defaults,
        origins: vec![None; KEYS.len()],
        problems: Vec::new(),
        warnings: Vec::new(),
    };
    let mut variables = sources.variables;
    if let Some(folder) = sources.search {
        loader.search(&folder, &variables);
        // Answered; where nothing is searched it has no effect, and is warned about like any other.
        variables.retain(|(name, _)| name != FILE_VARIABLE);
    }
    for document in sources.files {
        loader.document(document);
    }
    loader.variables(variables);
    let code = sources
        .code
        .into_iter()
        .map(|(key, value)| Entry { key, value });
    loader.layer(code.collect(), &Origin::Code);
    loader.edits(|config| sources.edits.into_iter().for_each(|edit| edit(config)));
    loader.derive();
    loader.finish()
}

/// The fields of `config` that no layer's check has seen or that contradict each other.
pub(super) fn out_of_range(config: &Config, origin: impl Fn(&Key) -> Origin) -> Vec<Problem> {
    let mut problems = Vec::new();
    for key in KEYS {
        if let Err(refusal) = key.slot.check(config) {
            problems.push(Problem {
                key: key.name.to_owned(),
                origin: origin(key),
                reason: refusal.into(),
            });
        }
    }
    let limits = &config.limits;
    let handshake = KEYS
        .iter()
        .find(|key| key.name == "pitaya.limits.handshake.packet");
    if let Some(key) =
        handshake.filter(|_| limits.handshake.packet > limits.packet && problems.is_empty())
    {
        let value = key.slot.text(config);
        let packet = i128::try_from(limits.packet).unwrap_or(i128::MAX);
        let allowed = format!(
            "at most pitaya.limits.packet, which is {}",
            size_text(packet)
        );
        let reason = Reason::OutOfRange { value, allowed };
        problems.push(Problem {
            key: key.name.to_owned(),
            origin: origin(key),
            reason,
        });
    }
    problems
}

impl From<Refusal> for Reason {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Malformed(text) => Reason::Malformed(text),
            Refusal::OutOfRange { value, allowed } => Reason::OutOfRange { value, allowed },
        }
    }
}

impl Loader {
    fn problem(&mut self, key: impl Into<String>, origin: &Origin, reason: Reason) {
        self.problems.push(Problem {
            key: key.into(),
            origin: origin.clone(),
            reason,
        });
    }

    /// The file that is there without being named by the program.
    fn search(&mut self, folder: &Path, variables: &[(String, String)]) {
        let named = variables
            .iter()
            .rev()
            .find(|(name, value)| name == FILE_VARIABLE && !value.is_empty());
        if let Some((_, path)) = named {
            return self.document(Document::Required(PathBuf::from(path)));
        }
        let mut present = FILE_NAMES
            .iter()
            .map(|name| folder.join(name))
            .filter(|path| path.exists());
        let Some(path) = present.next() else { return };
        for other in present {
            let text = format!(
                "{} exists too; keep one of them, or name one in {FILE_VARIABLE}",
                other.display()
            );
            self.problem("", &Origin::File(path.clone()), Reason::Unreadable(text));
        }
        self.document(Document::Required(path));
    }

    fn document(&mut self, document: Document) {
        let (name, format, text) = match document {
            Document::Text { name, format, text } => (name, Some(format), Ok(text)),
            Document::Required(path) => {
                let text = std::fs::read_to_string(&path);
                (path.clone(), Format::of(&path), text)
            }
            Document::Optional(path) => {
                let text = std::fs::read_to_string(&path);
                if text
                    .as_ref()
                    .is_err_and(|error| error.kind() == ErrorKind::NotFound)
                {
                    return;
                }
                (path.clone(), Format::of(&path), text)
            }
        };
        let origin = Origin::File(name);
        let parsed = match (text, format) {
            (Err(error), _) => Err(error.to_string()),
            (Ok(_), None) => Err("the extension must be .toml, .yaml, .yml or .json".to_owned()),
            (Ok(text), Some(format)) => parse(&text, format),
        };
        match parsed {
            Ok(entries) => {
                let (ours, theirs): (Vec<_>, Vec<_>) =
                    entries.into_iter().partition(|entry| is_ours(&entry.key));
                for entry in theirs {
                    self.outside(&entry.key, &origin);
                }
                self.layer(ours, &origin);
            }
            Err(text) => self.problem("", &origin, Reason::Unreadable(text)),
        }
    }

    /// A key that is not below `pitaya` is the application's own, unless it looks as if it was meant for us.
    fn outside(&mut self, key: &str, origin: &Origin) {
        let lower = key.to_ascii_lowercase();
        let (section, rest) = lower.split_once('.').unwrap_or((&lower, ""));
        if distance(section, ROOT) <= 2 {
            let nearest = self.names.nearest_key(&format!("{ROOT}.{rest}"));
            self.problem(key, origin, Reason::UnknownKey { nearest });
        } else if self.names.key(&format!("{ROOT}.{lower}")).is_some() {
            self.warnings.push(Warning::OutsideSection {
                key: key.to_owned(),
                origin: origin.clone(),
            });
        }
    }

    fn variables(&mut self, variables: Vec<(String, String)>) {
        let mut seen = HashMap::new();
        for (name, value) in variables {
            match self.names.variable(&name) {
                Some((key, found)) => {
                    self.take(
                        key,
                        found,
                        &Value::Text(value),
                        &Origin::Variable(name),
                        &mut seen,
                    );
                }
                None => {
                    let nearest = self.names.nearest_variable(&name);
                    self.warnings
                        .push(Warning::UnknownVariable { name, nearest });
                }
            }
        }
    }

    fn layer(&mut self, entries: Vec<Entry>, origin: &Origin) {
        let mut seen = HashMap::new();
        for Entry { key, value } in entries {
            let lower = key.to_ascii_lowercase();
            match self.names.key(&lower) {
                Some(found) => self.take(&key, found, &value, origin, &mut seen),
                None if value == Value::Nothing && self.names.is_section(&lower) => {}
                None => {
                    let nearest = self.names.nearest_key(&lower);
                    self.problem(key, origin, Reason::UnknownKey { nearest });
                }
            }
        }
    }

    /// One value under a name that is known. `seen` holds what this layer has set and under which name.
    fn take(
        &mut self,
        key: &str,
        found: Found,
        value: &Value,
        origin: &Origin,
        seen: &mut HashMap<usize, String>,
    ) {
        if value.is_empty() {
            return;
        }
        if found.old {
            let old = key.to_owned();
            self.warnings.push(Warning::OldName {
                old,
                new: found.canonical,
                origin: origin.clone(),
            });
        }
        match found.known {
            Known::Elsewhere => {
                self.warnings.push(Warning::Elsewhere {
                    key: key.to_owned(),
                    origin: origin.clone(),
                });
            }
            Known::Key(index) => {
                let Some(schema) = KEYS.get(index) else {
                    return;
                };
                // Code may change its mind about a key; in a file nothing says which of two lines was meant.
                let in_file = matches!(origin, Origin::File(_));
                if let Some(other) = seen
                    .insert(index, key.to_owned())
                    .filter(|other| in_file || other != key)
                {
                    return self.problem(key, origin, Reason::SetTwice { other });
                }
                match schema.slot.apply(&mut self.config, value) {
                    Ok(()) => self.set_origin(index, origin.clone()),
                    Err(refusal) => self.problem(key, origin, refusal.into()),
                }
            }
        }
    }

    fn set_origin(&mut self, index: usize, origin: Origin) {
        if let Some(slot) = self.origins.get_mut(index) {
            *slot = Some(origin);
        }
    }

    /// Changes that code makes to fields: whatever differs afterwards was set in code.
    fn edits(&mut self, edit: impl FnOnce(&mut Config)) {
        let before = self.config.clone();
        edit(&mut self.config);
        for (index, key) in KEYS.iter().enumerate() {
            if key.slot.text(&before) != key.slot.text(&self.config) {
                self.set_origin(index, Origin::Code);
            }
        }
    }

    fn origin(&self, name: &str) -> Option<&Origin> {
        let index = KEYS.iter().position(|key| key.name == name)?;
        self.origins.get(index)?.as_ref()
    }

    /// Defaults that depend on what was set.
    fn derive(&mut self) {
        if self.origin("pitaya.limits.packet").is_none() {
            return;
        }
        let packet = self.config.limits.packet;
        if self.origin("pitaya.limits.inflated").is_none() {
            self.config.limits.inflated = packet.saturating_mul(INFLATED_PER_PACKET);
        }
        if self.origin("pitaya.limits.handshake.packet").is_none() {
            let handshake = &mut self.config.limits.handshake;
            handshake.packet = handshake.packet.min(packet);
        }
    }

    fn finish(mut self) -> Result<(Config, Vec<Warning>), ConfigError> {
        let unseen = out_of_range(&self.config, |key| {
            self.origin(key.name).cloned().unwrap_or(Origin::Code)
        });
        self.problems.extend(unseen);
        ConfigError::unless_empty(self.problems)?;
        if let Some((key, text)) = schema::advice(&self.config) {
            self.warnings.push(Warning::Unwise { key, text });
        }
        Ok((self.config, self.warnings))
    }
}

fn is_ours(key: &str) -> bool {
    key.split('.')
        .next()
        .is_some_and(|section| section.eq_ignore_ascii_case(ROOT))
}

/// The entries of a document, in the order of their keys.
fn parse(text: &str, format: Format) -> Result<Vec<Entry>, String> {
    let format = match format {
        Format::Toml => FileFormat::Toml,
        Format::Yaml => FileFormat::Yaml,
        Format::Json => FileFormat::Json,
    };
    let table = File::from_str(text, format)
        .collect()
        .map_err(|error| error.to_string())?;
    let mut entries = Vec::new();
    for (key, value) in table {
        flatten(key, value.kind, &mut entries);
    }
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(entries)
}

/// Turns nested sections into whole keys.
fn flatten(key: String, kind: ValueKind, entries: &mut Vec<Entry>) {
    let ValueKind::Table(table) = kind else {
        let value = value_of(kind);
        return entries.push(Entry { key, value });
    };
    if table.is_empty() {
        entries.push(Entry {
            key: key.clone(),
            value: Value::Nothing,
        });
    }
    for (name, value) in table {
        flatten(format!("{key}.{name}"), value.kind, entries);
    }
}

fn value_of(kind: ValueKind) -> Value {
    match kind {
        ValueKind::Nil | ValueKind::Table(_) => Value::Nothing,
        ValueKind::Boolean(flag) => Value::Flag(flag),
        ValueKind::I64(number) => Value::Int(number.into()),
        ValueKind::I128(number) => Value::Int(number),
        ValueKind::U64(number) => Value::Int(number.into()),
        ValueKind::U128(number) => Value::Int(i128::try_from(number).unwrap_or(i128::MAX)),
        ValueKind::Float(number) => Value::Float(number),
        ValueKind::String(text) => Value::Text(text),
        ValueKind::Array(list) => {
            Value::List(list.into_iter().map(|value| value_of(value.kind)).collect())
        }
    }
}
