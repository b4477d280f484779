//! Where a configuration comes from: what to read, in which layer. Nothing is read before it is loaded.

use std::fmt;
use std::path::{Path, PathBuf};

use super::Config;
use super::value::Value;

/// The variable that names the configuration file for [`Sources::process`].
pub(super) const FILE_VARIABLE: &str = "PITAYA_CONFIG_FILE";

/// The layers of a configuration. Whatever the order of the calls, code wins over environment variables, these over
/// files, a later file over an earlier one, and all of them over the defaults.
///
/// In files, everything below the `pitaya` section is checked strictly; other sections belong to the application.
/// Keys are compared without regard to case, and an empty value counts as not set.
#[derive(Default)]
pub struct Sources {
    pub(super) defaults: Config,
    pub(super) files: Vec<Document>,
    pub(super) search: Option<PathBuf>,
    pub(super) variables: Vec<(String, String)>,
    pub(super) code: Vec<(String, Value)>,
    pub(super) edits: Vec<Edit>,
}

pub(super) type Edit = Box<dyn FnOnce(&mut Config) + Send>;

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// TOML, `.toml`.
    Toml,
    /// YAML, `.yaml` or `.yml`.
    Yaml,
    /// JSON, `.json`.
    Json,
}

/// One text in the file layer.
pub(super) enum Document {
    /// A file that must exist.
    Required(PathBuf),
    /// A file that may be missing.
    Optional(PathBuf),
    /// A text that is already here.
    Text {
        name: PathBuf,
        format: Format,
        text: String,
    },
}

impl Sources {
    /// Nothing but the defaults.
    pub fn new() -> Sources {
        Sources::default()
    }

    /// What a server reads unless its program says otherwise: the environment of this process, and the file that the
    /// variable `PITAYA_CONFIG_FILE` names, else `pitaya.toml`, `pitaya.yaml`, `pitaya.yml` or `pitaya.json` of the
    /// current folder if there is one.
    pub fn process() -> Sources {
        Sources::new().process_env().search(".")
    }

    /// Replaces the default layer.
    pub fn defaults(mut self, config: Config) -> Sources {
        self.defaults = config;
        self
    }

    /// Adds a file that must exist; its extension says how it is written.
    pub fn file(mut self, path: impl Into<PathBuf>) -> Sources {
        self.files.push(Document::Required(path.into()));
        self
    }

    /// Adds a file that is passed over if it does not exist.
    pub fn optional_file(mut self, path: impl Into<PathBuf>) -> Sources {
        self.files.push(Document::Optional(path.into()));
        self
    }

    /// Adds a text as if it were a file called `name`.
    pub fn text(
        mut self,
        name: impl Into<PathBuf>,
        format: Format,
        text: impl Into<String>,
    ) -> Sources {
        self.files.push(Document::Text {
            name: name.into(),
            format,
            text: text.into(),
        });
        self
    }

    /// Looks in `folder` for the file that [`Sources::process`] describes. Files added by name come after it.
    pub fn search(mut self, folder: impl Into<PathBuf>) -> Sources {
        self.search = Some(folder.into());
        self
    }

    /// Adds environment variables. Names that do not begin with `PITAYA_` are ignored.
    pub fn env<K, V>(mut self, variables: impl IntoIterator<Item = (K, V)>) -> Sources
    where
        K: Into<String>,
        V: Into<String>,
    {
        let variables = variables
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()));
        self.variables
            .extend(variables.filter(|(name, _)| name.starts_with("PITAYA_")));
        self
    }

    /// Adds the environment variables of this process.
    pub fn process_env(self) -> Sources {
        // A value that is not text becomes one that no setting accepts, so that it is reported with its name.
        let lossy = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            (
                name.to_string_lossy().into_owned(),
                value.to_string_lossy().into_owned(),
            )
        };
        self.env(std::env::vars_os().map(lossy))
    }

    /// Sets one key. A later call for the same key wins.
    pub fn set(mut self, key: impl AsRef<str>, value: impl Into<Value>) -> Sources {
        self.code
            .push((key.as_ref().to_ascii_lowercase(), value.into()));
        self
    }

    /// Changes fields of the loaded configuration; runs after every other layer, and is checked like them.
    pub fn edit(mut self, edit: impl FnOnce(&mut Config) + Send + 'static) -> Sources {
        self.edits.push(Box::new(edit));
        self
    }
}

impl Format {
    /// The format that a path's extension names.
    pub(super) fn of(path: &Path) -> Option<Format> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "toml" => Some(Format::Toml),
            "yaml" | "yml" => Some(Format::Yaml),
            "json" => Some(Format::Json),
            _ => None,
        }
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values may be secrets of other settings, so only their number is shown.
        f.debug_struct("Sources")
            .field("files", &self.files.len())
            .field("search", &self.search)
            .field("variables", &self.variables.len())
            .field("code", &self.code.len())
            .field("edits", &self.edits.len())
            .finish_non_exhaustive()
    }
}
