//! What a configuration made of layers must be: values, layers, mistakes, and the table against the structs.

mod layers;
mod mistakes;
mod table;
mod values;

use super::{Config, ConfigError, Format, Sources, Warning};

fn load(sources: Sources) -> Config {
    with_warnings(sources).0
}

fn with_warnings(sources: Sources) -> (Config, Vec<String>) {
    match Config::load(sources) {
        Ok((config, warnings)) => (config, warnings.iter().map(Warning::to_string).collect()),
        Err(error) => panic!("{error}"),
    }
}

fn refuse(sources: Sources) -> ConfigError {
    match Config::load(sources) {
        Ok((config, _)) => panic!("accepted: {config:?}"),
        Err(error) => error,
    }
}

fn toml(text: &str) -> Sources {
    Sources::new().text("game.toml", Format::Toml, text)
}

fn yaml(text: &str) -> Sources {
    Sources::new().text("game.yaml", Format::Yaml, text)
}

fn json(text: &str) -> Sources {
    Sources::new().text("game.json", Format::Json, text)
}
