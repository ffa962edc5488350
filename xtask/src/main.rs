//! Tools of this repository. `.ci/run` calls the checks; `cargo run -p xtask -- help` lists them.

#![forbid(unsafe_code)]

mod api;
mod html;
mod links;
mod markdown;
mod packages;
mod pictures;

use std::env;
use std::path::Path;
use std::process::ExitCode;

const HELP: &str = "\
usage: cargo run -p xtask -- COMMAND

links             writes the documentation, and checks every link of its pages and of the Markdown files
links DOC         checks the pages in that directory, and the Markdown files
api               compares the public interface with docs/public-api.txt
api update        writes that file
packages          looks at what each package to be published holds
packages verify   builds each package from what it holds, too
pictures          draws the pictures of the documentation
pictures check    compares them with those that it would draw
help              prints this text
";

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a directory of the repository");
    let result = match words[..] {
        ["links"] => links::build_and_check(root, &target(root)),
        ["links", doc] => links::check(root, Path::new(doc)),
        ["api"] => api::check(root, &target(root)),
        ["api", "update"] => api::update(root, &target(root)),
        ["packages"] => packages::check(root, &target(root), false),
        ["packages", "verify"] => packages::check(root, &target(root), true),
        ["pictures"] => pictures::write(root).map(|()| "written".to_owned()).map_err(|error| error.to_string()),
        ["pictures", "check"] => {
            pictures::changed(root).map_err(|error| error.to_string()).and_then(|changed| unchanged(&changed))
        }
        ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(complaints) => {
            eprintln!("error: {complaints}");
            ExitCode::FAILURE
        }
    }
}

fn unchanged(changed: &[String]) -> Result<String, String> {
    if changed.is_empty() {
        Ok("the pictures are as drawn".to_owned())
    } else {
        Err(format!("{} not as drawn; draw anew: cargo run -p xtask -- pictures", changed.join(", ")))
    }
}

/// Where cargo writes, if nothing in a configuration file says otherwise.
fn target(root: &Path) -> std::path::PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), Into::into)
}
