//! What is annotated, as far as the rules and texts differ by it.

/// What is annotated.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A block whose methods clients call.
    Handler,
    /// A block whose methods other servers call.
    Remote,
    /// A trait whose methods other servers call.
    Interface,
}

impl Kind {
    /// What `#[route(..)]` takes.
    pub(super) fn route_options(self) -> &'static [&'static str] {
        match self {
            Self::Handler => &["name", "code", "timeout", "concurrent", "cancel", "skip"],
            Self::Remote => &["name", "timeout", "skip"],
            Self::Interface => &["name", "timeout"],
        }
    }

    /// What the attribute on the item takes, and how it is written.
    pub(super) fn service_options(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Handler => ("#[handler]", &["name", "rename_all", "client", "crate"]),
            Self::Remote | Self::Interface => (
                "#[remote]",
                &["server", "name", "rename_all", "client", "crate"],
            ),
        }
    }

    /// What a method is.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Handler => "route",
            Self::Remote | Self::Interface => "remote",
        }
    }

    /// Who calls.
    pub(super) fn caller(self) -> &'static str {
        match self {
            Self::Handler => "client",
            Self::Remote | Self::Interface => "server",
        }
    }

    /// What one value serves.
    pub(super) fn served(self) -> &'static str {
        match self {
            Self::Handler => "sessions",
            Self::Remote | Self::Interface => "calls",
        }
    }

    /// The context's type.
    pub(super) fn context(self) -> &'static str {
        match self {
            Self::Handler => "Context",
            Self::Remote | Self::Interface => "RpcContext",
        }
    }
}
