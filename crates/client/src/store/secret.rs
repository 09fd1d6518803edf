//! The secret that says which service this process is: read from an inherited descriptor, so that it is in no environment, no
//! command line and no file; or, where nobody is there to hand one over, from a file that its operator names.

use super::OpenError;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::mpsc;
use std::time::Duration;

/// The variable that says which descriptor.
const VARIABLE: &str = "TENET_STORE_SECRET_FD";

/// The variable that says which file, for a service that `tenet up` does not run.
const FILE: &str = "TENET_STORE_SECRET_FILE";

/// Bytes that are read at most: a secret is 64 hexadecimal digits, and what is longer is none.
const MAX_BYTES: u64 = 256;

/// How long its writer may take. The runner writes before it starts the service, so this is only ever waited for by mistake.
const PATIENCE: Duration = Duration::from_secs(2);

/// The secret of this process. It is read once: a pipe gives nothing a second time.
pub(super) fn of_process() -> Result<String, OpenError> {
    static READ: OnceLock<Result<String, OpenError>> = OnceLock::new();
    READ.get_or_init(|| from_lookup(|name| std::env::var(name).ok())).clone()
}

fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<String, OpenError> {
    let set = |name: &str| lookup(name).filter(|text| !text.is_empty());
    let (place, path) = match (set(VARIABLE), set(FILE)) {
        (Some(text), _) => {
            let number: u32 = text.parse().map_err(|_| OpenError::Fact {
                name: VARIABLE,
                found: text.clone(),
                expected: "the number of an inherited descriptor, as 3",
            })?;
            // The system's own name for it.
            (format!("descriptor {number}"), PathBuf::from(format!("/dev/fd/{number}")))
        }
        (None, Some(path)) => (path.clone(), PathBuf::from(path)),
        (None, None) => {
            return Err(OpenError::MissingFact {
                name: VARIABLE,
                why: "it is the descriptor of the service's secret, and `tenet up` hands it to each service with `keeps` that it runs; for others, TENET_STORE_SECRET_FILE names the file that holds it",
            });
        }
    };
    let failed = |reason| OpenError::Secret { place: place.clone(), reason };
    let secret = read(path).map_err(failed)?;
    check(&secret).map_err(failed)?;
    Ok(secret)
}

/// Reads it to its end.
fn read(path: PathBuf) -> Result<String, String> {
    let (sender, receiver) = mpsc::channel();
    let reading = move || {
        let mut text = String::new();
        let done = File::open(path)
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
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("accounts");
        let of_file = |descriptor: Option<&str>| {
            let path = path.to_str().map(str::to_owned);
            from_lookup(|name| if name == FILE { path.clone() } else { descriptor.map(str::to_owned) })
        };
        let text = of_file(None).unwrap_err().to_string();
        assert!(text.contains("accounts: ") && text.contains("No such file"), "{text}");
        std::fs::write(&path, format!("{secret}\n")).unwrap();
        assert_eq!(of_file(None).unwrap(), secret);
        assert_eq!(of_file(Some("")).unwrap(), secret, "nothing is no descriptor");
        assert!(of_file(Some("999999")).unwrap_err().to_string().contains("descriptor 999999"));
        std::fs::write(&path, "hush").unwrap();
        let text = of_file(None).unwrap_err().to_string();
        assert!(text.contains("found 4 bytes") && !text.contains("hush"), "{text}");
        for (value, part) in [
            (None, "TENET_STORE_SECRET_FD is not set"),
            (Some(""), "is not set"),
            (Some("three"), "TENET_STORE_SECRET_FD=\"three\": expected the number"),
            (Some("999999"), "descriptor 999999"),
        ] {
            let text = from_lookup(|name| value.filter(|_| name == VARIABLE).map(str::to_owned));
            let text = text.unwrap_err().to_string();
            assert!(text.contains(part), "{text}");
        }
    }
}
