//! Certificate authorities: those of the machine or of the environment, and those that a user trusts in addition.

use std::fs;
use std::path::Path;

use reqwest::Certificate;

use super::small_file;
use crate::error::{Error, Result, foreign};

/// Largest file, in bytes. All certificates that a machine trusts take a quarter of a MiB.
const LARGEST: usize = 4 * 1024 * 1024;

/// The certificates of a PEM file. They are added to those of the machine; nothing switches verification off.
pub(super) fn read(file: &str) -> Result<Vec<Certificate>> {
    let refused = |why: &str| Error::usage(format!("ca_file '{}' {why}", foreign(file)));
    let text = small_file::read(Path::new(file), LARGEST).map_err(|why| refused(&why))?;
    let certificates = Certificate::from_pem_bundle(&text).map_err(|_| {
        refused("is not a PEM file: put its certificates between BEGIN CERTIFICATE and END CERTIFICATE")
    })?;
    if certificates.is_empty() {
        return Err(refused("has no certificate: put its certificates between BEGIN CERTIFICATE and END CERTIFICATE"));
    }
    Ok(certificates)
}

/// The name of the machine's own.
pub(super) const MACHINE: &str = "the machine's";

/// OpenSSL's variables, which the verifier obeys wherever it reads files: if one is set, its certificates replace the
/// machine's. (macOS has a store of its own.)
const VARIABLES: [&str; 2] = [FILE, "SSL_CERT_DIR"];
const FILE: &str = "SSL_CERT_FILE";

/// The certificate authorities that are trusted, in words that continue a message.
pub(super) fn named(ca_file: Option<&str>) -> Result<String> {
    let mut named = Vec::new();
    for name in VARIABLES.into_iter().filter(|_| cfg!(not(target_vendor = "apple"))) {
        let Some(value) = std::env::var_os(name) else { continue };
        let shown = foreign(&value.to_string_lossy());
        if name == FILE {
            // The verifier would wait for a pipe, and would read a device without end.
            if fs::metadata(&value).is_ok_and(|about| !about.is_file()) {
                return Err(Error::usage(format!("{name} '{shown}' is not a regular file: name one, or unset it")));
            }
        } else if std::env::split_paths(&value).all(|folder| folder.as_os_str().is_empty()) {
            continue;
        }
        named.push(format!("of {name} ({shown})"));
    }
    let usual =
        if named.is_empty() { MACHINE.to_owned() } else { format!("{}, in place of {MACHINE}", named.join(" and ")) };
    Ok(match ca_file {
        None => usual,
        Some(file) => format!("{usual}, and of ca_file ({})", foreign(file)),
    })
}
