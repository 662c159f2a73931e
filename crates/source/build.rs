//! Lists the presets: every `presets/NAME.toml` becomes a row of the table in `preset.rs`, so that
//! a new sender is a new data file and nothing else. It reads names only; what stands in the files
//! is checked by a test that knows how to say what is wrong.

use std::io::{Error, Write as _};
use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Error> {
    let mut names = Vec::new();
    for entry in fs::read_dir("presets")? {
        let file = entry?.file_name();
        names.extend(
            file.to_str()
                .and_then(|file| file.strip_suffix(".toml"))
                .map(str::to_owned),
        );
    }
    names.sort();
    let mut table = format!("const FILES: [(&str, &str); {}] = [\n", names.len());
    for name in &names {
        let path = format!("concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/presets/{name}.toml\")");
        table += &format!("    (\"{name}\", include_str!({path})),\n");
    }
    let folder = env::var_os("OUT_DIR").ok_or_else(|| Error::other("cargo sets OUT_DIR"))?;
    fs::write(Path::new(&folder).join("presets.rs"), table + "];\n")?;
    writeln!(std::io::stdout(), "cargo:rerun-if-changed=presets")
}
