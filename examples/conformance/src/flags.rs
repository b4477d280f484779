//! The command line, in the style of Go's flag package: one dash (or two), `-name value` or
//! `-name=value`; booleans stand alone or as `-name=false`.
//!
//! What a flag asks for and this version cannot do ends the program with a text that says so;
//! nothing is passed over in silence.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::str::FromStr;

use pitaya::app::config::SerializerKind;

/// What the command line says.
#[derive(Debug, PartialEq)]
pub(crate) struct Flags {
    pub(crate) port: u16,
    pub(crate) ws_port: u16,
    pub(crate) tls: Option<Tls>,
    pub(crate) server_type: String,
    pub(crate) frontend: bool,
    pub(crate) serializer: SerializerKind,
    pub(crate) debug: bool,
    /// No etcd and no NATS.
    pub(crate) standalone: bool,
    /// What the keys in etcd begin with, if the command line says so: else the configuration does.
    pub(crate) sd_prefix: Option<String>,
    /// Clients come through a proxy that says who they are.
    pub(crate) proxy_protocol: bool,
    /// Flags that ask for what is not there yet, with what that is.
    missing: Option<(&'static str, &'static str)>,
}

/// The TLS acceptor.
#[derive(Debug, PartialEq)]
pub(crate) struct Tls {
    pub(crate) port: u16,
    /// PEM files.
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// Why there are no flags.
#[derive(Debug, PartialEq)]
pub(crate) enum Refusal {
    /// `-help` was given.
    Help,
    /// The command line is wrong; this is what to say.
    Mistake(String),
}

/// One flag: its name, its default (`true` or `false` makes it a boolean), its meaning.
type Known = (&'static str, &'static str, &'static str);

const KNOWN: &[Known] = &[
    ("port", "32222", "port of the TCP acceptor (frontend only)"),
    ("type", "connector", "server type"),
    ("frontend", "true", "frontend or backend"),
    ("serializer", "json", "json or protobuf"),
    (
        "sdprefix",
        "pitaya/",
        "prefix of the keys in etcd (no effect with -standalone)",
    ),
    ("debug", "false", "log more"),
    ("grpc", "false", "gRPC instead of NATS"),
    (
        "grpcport",
        "3434",
        "port of the gRPC server (no effect without -grpc)",
    ),
    ("standalone", "false", "no etcd, no NATS"),
    (
        "wsport",
        "0",
        "port of a WebSocket acceptor (frontend only), 0 for none",
    ),
    ("tlsport", "0", "port of a TLS acceptor, 0 for none"),
    ("tlscert", "", "the TLS acceptor's certificate, a PEM file"),
    ("tlskey", "", "the TLS acceptor's key, a PEM file"),
    (
        "proxyprotocol",
        "false",
        "require the PROXY protocol on the TCP acceptor",
    ),
];

impl Flags {
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, Refusal> {
        let values = read(arguments.into_iter())?;
        let tls = match (
            values.port("tlsport")?,
            values.text("tlscert"),
            values.text("tlskey"),
        ) {
            (0, "", "") => None,
            (port @ 1.., certificate, key) if !certificate.is_empty() && !key.is_empty() => {
                Some(Tls {
                    port,
                    certificate: certificate.to_owned(),
                    key: key.to_owned(),
                })
            }
            _ => {
                let text = "-tlsport, -tlscert and -tlskey are given together";
                return Err(Refusal::Mistake(text.to_owned()));
            }
        };
        values.port("grpcport")?;
        let missing = [(values.boolean("grpc")?, "-grpc", "gRPC")];
        Ok(Self {
            port: values.port("port")?,
            ws_port: values.port("wsport")?,
            tls,
            server_type: values.text("type").to_owned(),
            frontend: values.boolean("frontend")?,
            serializer: match values.text("serializer") {
                "json" => SerializerKind::Json,
                "protobuf" => SerializerKind::Protobuf,
                other => {
                    let text = "the serializer is json or protobuf, not";
                    return Err(Refusal::Mistake(format!("{text} {other:?}")));
                }
            },
            debug: values.boolean("debug")?,
            proxy_protocol: values.boolean("proxyprotocol")?,
            standalone: values.boolean("standalone")?,
            sd_prefix: values.0.get("sdprefix").cloned(),
            missing: missing
                .iter()
                .find(|missing| missing.0)
                .map(|&(_, flag, what)| (flag, what)),
        })
    }

    /// What was asked for that this version cannot do.
    pub(crate) fn unavailable(&self) -> Option<String> {
        let (flag, what) = self.missing?;
        Some(format!(
            "{flag} needs {what} support, which this version does not have"
        ))
    }
}

/// How the program is used, one flag after the other.
pub(crate) fn usage() -> String {
    let mut text = String::from("Usage of conformance:\n");
    for (name, default, meaning) in KNOWN {
        let default = if default.is_empty() { "none" } else { default };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  -{name}\n    \t{meaning} (default {default})");
    }
    text
}

/// The values that were given, in text.
struct Values(BTreeMap<&'static str, String>);

impl Values {
    fn text(&self, name: &'static str) -> &str {
        let default = || {
            KNOWN
                .iter()
                .find(|known| known.0 == name)
                .map_or("", |known| known.1)
        };
        self.0.get(name).map_or_else(default, String::as_str)
    }

    fn port(&self, name: &'static str) -> Result<u16, Refusal> {
        let value = self.text(name);
        u16::from_str(value).map_err(|_| invalid("", value, name))
    }

    fn boolean(&self, name: &'static str) -> Result<bool, Refusal> {
        match self.text(name) {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
            value => Err(invalid("boolean ", value, name)),
        }
    }
}

fn invalid(kind: &str, value: &str, name: &str) -> Refusal {
    Refusal::Mistake(format!(
        "invalid {kind}value {value:?} for flag -{name}: parse error"
    ))
}

fn read(mut arguments: impl Iterator<Item = String>) -> Result<Values, Refusal> {
    let mut values = BTreeMap::new();
    while let Some(argument) = arguments.next() {
        let name = argument
            .strip_prefix("--")
            .or_else(|| argument.strip_prefix('-'));
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            return Err(Refusal::Mistake(format!("not a flag: {argument:?}")));
        };
        let (name, value) = match name.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (name, None),
        };
        let Some((known, default, _)) = KNOWN.iter().find(|known| known.0 == name) else {
            return Err(match name {
                "h" | "help" => Refusal::Help,
                _ => Refusal::Mistake(format!("flag provided but not defined: -{name}")),
            });
        };
        let is_boolean = matches!(*default, "true" | "false");
        let value = match value {
            Some(value) => value,
            None if is_boolean => "true".to_owned(),
            None => arguments
                .next()
                .ok_or_else(|| Refusal::Mistake(format!("flag needs an argument: -{name}")))?,
        };
        values.insert(*known, value);
    }
    Ok(Values(values))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Flags, Refusal> {
        Flags::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn the_defaults_are_those_of_the_original() {
        let flags = parse("").unwrap();
        assert_eq!(
            (flags.port, flags.ws_port, flags.server_type.as_str()),
            (32222, 0, "connector")
        );
        assert!(flags.frontend && !flags.debug && !flags.standalone);
        assert_eq!(flags.serializer, SerializerKind::Json);
        // The prefix's default is the configuration's, which the environment may change.
        assert_eq!(flags.sd_prefix, None);
        let prefixed = parse("-sdprefix game/").unwrap();
        assert_eq!(prefixed.sd_prefix.as_deref(), Some("game/"));
    }

    #[test]
    fn values_come_after_a_space_or_an_equals_sign_and_dashes_may_be_two() {
        let expected = parse("-standalone -port 1 -type game -serializer protobuf -frontend=false");
        assert!(expected.is_ok());
        for line in [
            "-standalone=true -port=1 -type=game -serializer=protobuf -frontend=0",
            "--standalone=T --port 1 --type=game --serializer protobuf --frontend=F",
            "-port 2 -port 1 -frontend -frontend=False -type game -serializer=protobuf -standalone=1",
        ] {
            assert_eq!(parse(line), expected, "{line}");
        }
    }

    #[test]
    fn mistakes_are_told() {
        for (line, text) in [
            ("-nope", "flag provided but not defined: -nope"),
            ("-port", "flag needs an argument: -port"),
            ("-port x", "invalid value \"x\" for flag -port: parse error"),
            (
                "-wsport=65536",
                "invalid value \"65536\" for flag -wsport: parse error",
            ),
            (
                "-debug=maybe",
                "invalid boolean value \"maybe\" for flag -debug: parse error",
            ),
            (
                "-serializer xml",
                "the serializer is json or protobuf, not \"xml\"",
            ),
            ("-standalone true", "not a flag: \"true\""),
            ("-", "not a flag: \"-\""),
        ] {
            assert_eq!(
                parse(line),
                Err(Refusal::Mistake(text.to_owned())),
                "{line}"
            );
        }
        assert_eq!(parse("-debug -help"), Err(Refusal::Help));
    }

    #[test]
    fn a_tls_acceptor_needs_all_three_flags() {
        let flags = parse("-tlsport 1 -tlscert a.pem -tlskey a.key").unwrap();
        let expected = Tls {
            port: 1,
            certificate: "a.pem".to_owned(),
            key: "a.key".to_owned(),
        };
        assert_eq!(flags.tls, Some(expected));
        assert_eq!(parse("").unwrap().tls, None);
        for line in [
            "-tlsport 1",
            "-tlscert a.pem",
            "-tlskey a.key",
            "-tlsport 1 -tlskey a.key",
            "-tlscert a.pem -tlskey a.key",
        ] {
            let text = "-tlsport, -tlscert and -tlskey are given together";
            assert_eq!(
                parse(line),
                Err(Refusal::Mistake(text.to_owned())),
                "{line}"
            );
        }
    }

    #[test]
    fn what_this_version_lacks_is_told() {
        for (line, flag, what) in [
            ("-grpc", "-grpc", "gRPC"),
            ("-standalone -grpc -grpcport 1", "-grpc", "gRPC"),
        ] {
            let text = format!("{flag} needs {what} support, which this version does not have");
            assert_eq!(parse(line).unwrap().unavailable(), Some(text), "{line}");
        }
        for line in [
            "",
            "-grpc=false -grpcport 1",
            "-frontend=false",
            "-proxyprotocol",
        ] {
            assert_eq!(parse(line).unwrap().unavailable(), None, "{line}");
        }
    }
}
