//! The secret that says which service this process is: read from an inherited descriptor, so that it is in no environment, no
//! command line and no file.

use super::OpenError;
use std::fs::File;
use std::io::Read;
use std::sync::OnceLock;
use std::sync::mpsc;
use std::time::Duration;

/// The variable that says which descriptor.
const VARIABLE: &str = "TENET_STORE_SECRET_FD";

/// Bytes that are read at most: a secret is 64 hexadecimal digits, and what is longer is none.
const MAX_BYTES: u64 = 256;

/// How long its writer may take. The runner writes before it starts the service, so this is only ever waited for by mistake.
const PATIENCE: Duration = Duration::from_secs(2);

/// The secret of this process. The descriptor is read once: a pipe gives nothing a second time.
pub(super) fn of_process() -> Result<String, OpenError> {
    static READ: OnceLock<Result<String, OpenError>> = OnceLock::new();
    READ.get_or_init(|| from_lookup(|name| std::env::var(name).ok())).clone()
}

fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<String, OpenError> {
    let text = lookup(VARIABLE).filter(|text| !text.is_empty()).ok_or(OpenError::MissingFact {
        name: VARIABLE,
        why: "it is the descriptor of the service's secret, and `tenet up` hands it to each service with `keeps`",
    })?;
    let number: u32 = text.parse().map_err(|_| OpenError::Fact {
        name: VARIABLE,
        found: text.clone(),
        expected: "the number of an inherited descriptor, as 3",
    })?;
    let secret = read(number).map_err(|reason| OpenError::Secret { descriptor: number, reason })?;
    check(&secret).map_err(|reason| OpenError::Secret { descriptor: number, reason })?;
    Ok(secret)
}

/// Reads the descriptor to its end, through the system's own name for it.
fn read(number: u32) -> Result<String, String> {
    let (sender, receiver) = mpsc::channel();
    let reading = move || {
        let mut text = String::new();
        let done = File::open(format!("/dev/fd/{number}"))
            .and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text))
            .map(|_| text)
            .map_err(|error| error.to_string());
        // Nobody waits any more where it came too late.
        drop(sender.send(done));
    };
    // On a thread of its own, because a pipe whose writer never closes it would be read for ever.
    std::thread::Builder::new()
        .name("tenet-secret".into())
        .spawn(reading)
        .map_err(|error| error.to_string())?;
    let text = receiver
        .recv_timeout(PATIENCE)
        .map_err(|_| format!("its writer did not close it within {PATIENCE:?}"))??;
    Ok(text.trim().to_owned())
}

/// That it is one: visible ASCII, as it stands in metadata. What it says is never shown.
fn check(secret: &str) -> Result<(), String> {
    if secret.len() == 64 && secret.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(())
    } else {
        Err(format!("found {} bytes, expected 64 hexadecimal digits", secret.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsRawFd;

    #[test]
    fn what_is_no_secret_is_named_and_not_shown() {
        let secret = "0123456789abcdef".repeat(4);
        let long = "x".repeat(10_000);
        for (written, expected) in [
            (secret.as_str(), Ok(secret.as_str())),
            (&format!("{secret}\n"), Ok(secret.as_str())),
            ("", Err("found 0 bytes, expected 64 hexadecimal digits")),
            ("hush", Err("found 4 bytes")),
            (&long, Err("found 256 bytes")),
        ] {
            let (reader, mut writer) = std::io::pipe().unwrap();
            writer.write_all(written.as_bytes()).unwrap();
            drop(writer);
            let number = reader.as_raw_fd().to_string();
            let found = from_lookup(|name| (name == VARIABLE).then(|| number.clone()));
            match (found.map_err(|error| error.to_string()), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(text), Err(part)) => assert!(text.contains(part) && !text.contains("hush"), "{text}"),
                (found, expected) => panic!("{found:?} is not {expected:?}"),
            }
        }
        for (value, part) in [
            (None, "TENET_STORE_SECRET_FD is not set"),
            (Some(""), "is not set"),
            (Some("three"), "TENET_STORE_SECRET_FD=\"three\": expected the number"),
            (Some("999999"), "descriptor 999999"),
        ] {
            let text = from_lookup(|_| value.map(str::to_owned)).unwrap_err().to_string();
            assert!(text.contains(part), "{text}");
        }
    }
}
