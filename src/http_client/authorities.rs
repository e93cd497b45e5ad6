//! Certificate authorities: those of the machine or of the environment, and those that a user trusts besides.

use std::path::Path;

use reqwest::Certificate;

use super::small_file;
use crate::error::{Error, Result, foreign};

/// Largest file, in bytes. All that a machine trusts is a quarter of a MiB.
const LARGEST: usize = 4 * 1024 * 1024;

/// The certificates of a PEM file. They are added to those of the machine; nothing takes verification away.
pub(super) fn read(file: &str) -> Result<Vec<Certificate>> {
    let refused = |why: &str| Error::usage(format!("ca_file '{}' {why}", foreign(file)));
    let text = small_file::read(Path::new(file), LARGEST).map_err(|why| refused(&why))?;
    let certificates = Certificate::from_pem_bundle(&text)
        .map_err(|_| refused("is no PEM file: certificates stand between BEGIN CERTIFICATE and END CERTIFICATE"))?;
    if certificates.is_empty() {
        return Err(refused("has no certificate: they stand between BEGIN CERTIFICATE and END CERTIFICATE"));
    }
    Ok(certificates)
}

/// Those that the machine came with.
pub(super) const MACHINE: &str = "the machine's";

/// OpenSSL's variables, which the verifier goes by wherever it reads files: where one is set, its certificates are in
/// place of the machine's. (macOS has a store of its own.)
const VARIABLES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// Whose certificate authorities are trusted, as a message goes on from there.
pub(super) fn named(ca_file: Option<&str>) -> String {
    let set = VARIABLES.iter().filter(|_| cfg!(not(target_vendor = "apple"))).filter_map(|name| {
        let value = std::env::var_os(name)?;
        // Of an empty list of folders the machine's are used; an empty file's name names a file that is not there.
        let counts = *name == "SSL_CERT_FILE" || std::env::split_paths(&value).any(|path| !path.as_os_str().is_empty());
        counts.then(|| format!("of {name} ({})", foreign(&value.to_string_lossy())))
    });
    let replaced = set.collect::<Vec<_>>().join(" and ");
    let usual = if replaced.is_empty() { MACHINE.to_owned() } else { format!("{replaced}, in place of {MACHINE}") };
    match ca_file {
        None => usual,
        Some(file) => format!("{usual}, and of ca_file ({})", foreign(file)),
    }
}
