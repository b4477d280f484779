//! The Go toolchain: builds the suite's programs once per test process, or says that it is not there.

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The built programs.
#[derive(Debug)]
pub struct Go {
    folder: PathBuf,
}

static BUILT: OnceLock<Option<Go>> = OnceLock::new();
static SKIPPED: AtomicUsize = AtomicUsize::new(0);

impl Go {
    /// The built programs; `None`, and a line on the standard error, where there is no Go toolchain.
    ///
    /// # Panics
    /// If there is one and the programs do not build.
    pub fn find() -> Option<&'static Self> {
        let built = BUILT.get_or_init(Self::build).as_ref();
        if built.is_none() {
            let count = SKIPPED.fetch_add(1, Ordering::Relaxed) + 1;
            let thread = std::thread::current();
            let test = thread.name().unwrap_or("a test");
            // Not `eprintln!`, which the harness hides when a test passes.
            let _ = writeln!(
                std::io::stderr(),
                "skipped: no Go toolchain: {test} ({count} interop tests skipped so far)"
            );
        }
        built
    }

    /// Where a program is.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn build() -> Option<Self> {
        Command::new("go").arg("version").output().ok()?;
        let here = std::env::current_exe().expect("a test has a program");
        // Of `target/debug/deps/<test>`, the folder above `deps`.
        let above = here.ancestors().nth(2).expect("a test lies in `deps`");
        let folder = above.join("interop-go");
        std::fs::create_dir_all(&folder).expect("the target folder can be written");
        let output = Command::new("go")
            .args(["build", "-buildvcs=false", "-o"])
            .arg(&folder)
            .args(["./player", "./server", "./conformance"])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/go"))
            .output()
            .expect("go runs");
        assert!(
            output.status.success(),
            "the Go programs do not build:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Some(Self { folder })
    }
}
