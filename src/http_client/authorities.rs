//! Certificate authorities that a user trusts besides the machine's own.

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
