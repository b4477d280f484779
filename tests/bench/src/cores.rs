//! Which core runs what, and how many files a process may open.
//!
//! Settings are made once at the start of a process and inherited by its threads and children; never changed later.

use anyhow::{Context as _, Result};
use rustix::{
    process::{Resource, Rlimit, getrlimit, setrlimit},
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};

/// Where the server and the load generator run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    pub(crate) server: usize,
    pub(crate) generator: usize,
}

/// The first and the last core this process may use: the same one where there is only one.
pub(crate) fn choose() -> Result<Cores> {
    let allowed = sched_getaffinity(None)?;
    let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
    let server = cores.next().context("no core to run on")?;
    Ok(Cores {
        server,
        generator: cores.next_back().unwrap_or(server),
    })
}

/// Pins the calling thread, and so everything it starts.
pub(crate) fn pin(core: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set).with_context(|| format!("could not pin to core {core}"))
}

/// Raises the limit on open files as far as is allowed and answers it.
pub(crate) fn raise_open_files() -> Result<u64> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: maximum,
            maximum,
        },
    )
    .context("could not raise the limit on open files")?;
    Ok(maximum.unwrap_or(u64::MAX))
}
