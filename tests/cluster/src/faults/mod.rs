//! What goes wrong in a cluster while people play, and what has to go on meanwhile and afterwards.
//!
//! One function a fault. The suite calls them with short outages, the program `faults` with long ones.

pub mod load;
pub mod scenarios;
pub mod scene;

use std::path::PathBuf;
use std::time::Duration;

use self::load::Totals;
use self::scene::LocalPlay;
use crate::game::{Place, Settings};

/// How a fault is to be made.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The program that is a server when its first argument is `server`.
    pub program: PathBuf,
    /// How long something is away.
    pub outage: Duration,
    /// What the servers are configured with.
    pub settings: Settings,
    /// How long the record of a server that has vanished stays.
    pub lease: Duration,
}

impl Plan {
    /// Where servers find each other.
    pub fn place(&self, etcd: &str, nats: &str) -> Place {
        Place {
            etcd: etcd.to_owned(),
            nats: nats.to_owned(),
            settings: self.settings,
            lease: self.lease,
        }
    }
}

/// When what worked again, counted from the return of what was away.
#[derive(Debug, Clone, Copy)]
pub struct Recovery {
    /// Requests through every gate to every room, none of twenty in a row failing.
    pub forwarding: Duration,
    /// Bind, one session a user, and push across servers.
    pub users: Duration,
    /// Every server announced, and news seen by all.
    pub discovery: Duration,
}

impl Recovery {
    /// When all of it did.
    pub fn whole(&self) -> Duration {
        self.forwarding.max(self.users).max(self.discovery)
    }
}

/// What was counted.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Every request of every player.
    pub totals: Totals,
    /// Play at the gates while something was away.
    pub local: LocalPlay,
    /// The return.
    pub recovery: Recovery,
}
