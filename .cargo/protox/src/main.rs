//! Compiles .proto files to a file descriptor set, called the way that build scripts call protoc:
//! `--include_imports --include_source_info -o OUT -I FOLDER.. FILE..`

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let (mut out, mut folders, mut files) = (None, Vec::new(), Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "-o" => out = arguments.next().map(PathBuf::from),
            "-I" => folders.extend(arguments.next().map(PathBuf::from)),
            // Imports and source positions are always included, and optional fields need no permission.
            flag if flag.starts_with("--") => {}
            file => files.push(PathBuf::from(file)),
        }
    }
    let out = out.ok_or("-o OUT is missing")?;
    let mut compiler = protox::Compiler::new(folders)?;
    compiler.include_imports(true).include_source_info(true).open_files(files)?;
    std::fs::write(out, compiler.encode_file_descriptor_set())?;
    Ok(())
}
