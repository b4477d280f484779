//! Writes the seeds of every target as files: `fuzz-seeds FOLDER`.

use std::path::PathBuf;

use fuzz_tests::TARGETS;

fn main() -> std::io::Result<()> {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("which folder?");
        std::process::exit(2);
    };
    for target in TARGETS {
        let folder = folder.join(target.name);
        std::fs::create_dir_all(&folder)?;
        for (n, seed) in (target.seeds)().iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{n:03}")), seed)?;
        }
    }
    Ok(())
}
