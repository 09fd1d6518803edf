//! Prints the OpenAPI document of the contracts below the folders given.

use tenet_contract::{LoadOptions, Source, load, openapi};

fn main() {
    let roots = std::env::args().skip(1).map(Into::into).collect();
    match load(&Source { roots, descriptor_sets: Vec::new() }, &LoadOptions::default()) {
        Ok(contract) => println!("{:#}", openapi::document(&contract, &openapi::Info::default())),
        Err(found) => {
            eprintln!("{found}");
            std::process::exit(1);
        }
    }
}
